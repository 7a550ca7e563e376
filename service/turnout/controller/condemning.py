"""Which release goes into quarantine, and whose revert is proposed. Called by `desired`.

Only a *fail* condemns: an analysis that failed or a verification that did, of a canary that Rollouts gave up. Never
the stable release and never the one that the alias serves: with them gone nobody would answer.
"""

from __future__ import annotations

from collections.abc import Iterator

from turnout.controller.actions import Condemn, Propose
from turnout.controller.observed import Observed
from turnout.controller.seen import live_record, verdict


def condemned(observed: Observed) -> Iterator[Condemn]:
    """The canary's release, if it failed."""
    rollout, stable, canary = observed.rollout, observed.revision("stable"), observed.revision("canary")
    if rollout is None or not rollout.aborted or stable is None or canary is None:
        return
    if stable.release is None or canary.release is None:
        return  # an unreadable release could be the same one
    release_id, live = canary.release.id, live_record(observed)
    protected = {stable.release.id, live.release_id if live is not None else ""}
    if release_id in protected or release_id in observed.quarantined:
        return
    found = _finding(observed, release_id)
    if found is not None:
        by, reason = found
        yield Condemn(release_id=release_id, by=by, reason=reason, stable=_served(stable.release.id, observed))


def proposed(observed: Observed) -> Iterator[Propose]:
    """Quarantined releases that the spec still asks for, and for which no pull request was opened.

    On a cluster that was made again the spec's release is stable at once, without a canary: there the record says
    which release was served when it failed.
    """
    for role in ("canary", "stable"):
        revision = observed.revision("canary" if role == "canary" else "stable")
        if revision is None or revision.release is None or revision.release.id not in observed.quarantined:
            continue
        if role == "stable" and observed.revision("canary") is not None:
            continue  # the spec asks for another one already
        record = observed.quarantined[revision.release.id]
        if not record.proposal and record.stable and record.stable != record.release_id:
            yield Propose(release_id=record.release_id)


def _finding(observed: Observed, release_id: str) -> tuple[str, str] | None:
    record = observed.record(release_id)
    failed = observed.rollout.failed if observed.rollout is not None else None
    # Condemning writes an analysis' finding into the record first, and may be interrupted before the quarantine.
    is_half_done = record is not None and failed is not None and record.reason == failed.reason
    if record is not None and record.state == "failed" and not is_half_done:
        return "verification", record.reason
    return (f"{failed.run}: {failed.metric}", failed.reason) if failed is not None else None


def _served(stable_id: str, observed: Observed) -> str | None:
    """What was served meanwhile and can be gone back to: not a stable release that was condemned before."""
    if not verdict(stable_id, observed):
        return stable_id
    live = live_record(observed)
    return live.release_id if live is not None else None
