"""Questions that several of the controller's judgments ask of what was seen. Pure; called by its sibling modules.

Every one of them names the same thing by the same rule, so that what is built is what is followed and flipped to.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from turnout.controller.observed import Observed, Revision, SeenView, Work
from turnout.elastic.state import ReleaseRecord, ReleaseState
from turnout.release.artifacts import Release

COMPLETE: frozenset[ReleaseState] = frozenset({"ready", "live", "former"})
"""States of a release whose view was verified: pods may serve from it (`turnout.retrieval.choosing` says the same)."""

FAR_BEHIND = 1000
"""Operations of the documents index that a view may lack and still count as up to date.

A follower works them off in seconds; writes that come at this moment are always missing. Parity is compared exactly
before a flip all the same.
"""


def is_certain(observed: Observed) -> bool:
    """Whether the roles of revisions are today's. If not, nothing may be done."""
    return observed.rollout is not None and observed.rollout.settled


def serving(release: Release, observed: Observed) -> tuple[SeenView, ...]:
    """The views that serve the index fingerprint of a release, as their `_meta` says; oldest first."""
    wanted = release.fingerprints.index
    return tuple(seen for seen in observed.views if wanted in seen.view.meta.index_fingerprints)


def complete_view(release: Release, observed: Observed) -> SeenView | None:
    """The view that a release was verified on, if it is still there. Then nothing has to be built."""
    record = observed.record(release.id)
    if record is None or record.state not in COMPLETE:
        return None
    return next((seen for seen in serving(release, observed) if seen.view.index == record.view), None)


def filled_view(release: Release, observed: Observed) -> SeenView | None:
    """The view that is worth keeping up to date for a release: verified, or filled and about to be verified."""
    done = complete_view(release, observed)
    if done is not None:
        return done
    record = observed.record(release.id)
    filled = [seen for seen in serving(release, observed) if seen.filled]
    named = [seen for seen in filled if record is not None and seen.view.index == record.view]
    return next(reversed(named or filled), None)


def searched(observed: Observed) -> frozenset[str]:
    """The views that searches go to, by index name: those of stable and of the canary, and what the alias points at."""
    revisions = (observed.revision("stable"), observed.revision("canary"))
    releases = [each.release for each in revisions if each is not None and each.release is not None]
    views = (complete_view(release, observed) for release in releases)
    return observed.targets | {each.view.index for each in views if each is not None}


def is_behind(seen: SeenView) -> bool:
    """Whether a view lacks more than the writes of the moment; also if that can't be known."""
    return seen.behind is None or seen.behind > FAR_BEHIND


def verdict(release_id: str, observed: Observed) -> Literal["", "failed", "quarantined"]:
    """What is held against a release for good: nothing is built for it and the alias never goes there."""
    if release_id in observed.quarantined:
        return "quarantined"
    record = observed.record(release_id)
    return "failed" if record is not None and record.state == "failed" else ""


def live_record(observed: Observed) -> ReleaseRecord | None:
    """The release that the alias serves: its record and the alias must agree, else a flip didn't end."""
    live = [record for record in observed.records if record.state == "live" and observed.targets == {record.view}]
    return live[-1] if live else None


def known_release(release_id: str, observed: Observed) -> Release | None:
    """A release by its id: from a revision that mounts it, else from its record; None if neither can be read."""
    for revision in observed.revisions:
        if revision.release is not None and revision.release.id == release_id:
            return revision.release
    record = observed.record(release_id)
    if record is None:
        return None
    try:
        return msgspec.convert(record.release, Release)
    except msgspec.ValidationError:
        return None


def jobs(release_id: str, observed: Observed) -> tuple[Work, ...]:
    """The Jobs that fill or verify for a release, running or ended."""
    return tuple(work for work in observed.work if work.release_id == release_id and work.purpose != "follow")


def in_turn(observed: Observed) -> tuple[tuple[Revision, Release], ...]:
    """The revisions that something may be built for, most urgent first, each release once.

    The stable release comes first, for users search it. One that was never served (a collection's first, or a cluster
    made again) comes after the canary that supersedes it. An aborted canary isn't built; stable always is.
    """
    stable, canary = observed.revision("stable"), observed.revision("canary")
    if observed.rollout is None or observed.rollout.aborted:
        canary = None
    order = [stable, canary] if stable is not None and _was_served(stable, observed) else [canary, stable]
    found: dict[str, tuple[Revision, Release]] = {}
    for revision in order:
        if revision is not None and revision.release is not None and not verdict(revision.release.id, observed):
            found.setdefault(revision.release.id, (revision, revision.release))
    return tuple(found.values())


def _was_served(stable: Revision, observed: Observed) -> bool:
    if stable.ready > 0 or stable.release is None:
        return True
    record = observed.record(stable.release.id)
    if record is not None and record.state in COMPLETE:
        return True
    return any(seen.view.index in observed.targets for seen in serving(stable.release, observed))
