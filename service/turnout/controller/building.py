"""What is built next: the view of the stable release or the canary's, then its verification. Called by `desired`.

Whether a view has to be filled is asked of `turnout.plan`, so that the Job and the plan that it walks agree.
"""

from __future__ import annotations

from collections.abc import Iterator

from turnout import plan
from turnout.controller.actions import Fill, Verify
from turnout.controller.observed import Observed, Revision
from turnout.controller.seen import complete_view, in_turn, jobs, known_release
from turnout.elastic.state import ReleaseRecord
from turnout.release.artifacts import Release


def builds(observed: Observed) -> Iterator[Fill | Verify]:
    """The next thing to build, at most one. A Job that failed and waits to be tried again holds nobody up.

    So a first release whose Job can never succeed doesn't keep the release that mends it from being built.
    """
    for revision, release in in_turn(observed):
        if complete_view(release, observed) is not None:
            continue
        own = jobs(release.id, observed)
        if any(job.ended == "failed" for job in own) and all(job.ended for job in own):
            continue
        step = _step(revision, release, observed)
        if step is not None:
            yield step
        return


def _step(revision: Revision, release: Release, observed: Observed) -> Fill | Verify | None:
    """The Job to start; None while one runs, or while one that ended in vain is still to be stopped."""
    own = jobs(release.id, observed)
    if any(not job.ended or job.purpose == "verify" for job in own):
        return None
    if not must_fill(release, observed):
        return Verify(release_id=release.id, hash=revision.hash)
    if own:
        # The fill ended. Where its view is, the verification fills what is missing; where not, the Job is stopped.
        has_view = any(release.fingerprints.index in seen.view.meta.index_fingerprints for seen in observed.views)
        return Verify(release_id=release.id, hash=revision.hash) if has_view else None
    return Fill(release_id=release.id, hash=revision.hash, shards=observed.shards)


def must_fill(release: Release, observed: Observed) -> bool:
    """Whether the plan that brings a release live has a backfill: no filled view serves it, nor could in place."""
    return any(isinstance(stage, plan.Backfill) for stage in path(release, observed))


def path(release: Release, observed: Observed) -> tuple[plan.Stage, ...]:
    """The stages that bring a release live, once the alias is back where the records say, should it be elsewhere."""
    live = _live(observed)
    base = known_release(live.release_id, observed) if live is not None else None
    if base is not None and base.collection != release.collection:
        base = None
    found = plan.differences(base, release)
    return plan.stages(release, _as_planned(observed, live), base=base, differences=found)


def _live(observed: Observed) -> ReleaseRecord | None:
    """The release that is live by its record alone: an alias that was moved by hand is about to be put back."""
    views = {seen.view.index for seen in observed.views}
    live = [record for record in observed.records if record.state == "live" and record.view in views]
    return live[-1] if live else None


def _as_planned(observed: Observed, live: ReleaseRecord | None) -> plan.Observed:
    """What was seen in the words of planning. Documents aren't counted: that decides between equal views only."""
    targets = {live.view or ""} if live is not None else observed.targets
    views = tuple(
        plan.ObservedView(
            index=seen.view.index,
            index_fingerprints=seen.view.meta.index_fingerprints,
            embedding_fingerprint=seen.view.meta.embedding_fingerprint,
            documents=0,
            is_live=seen.view.index in targets,
            caught_up=seen.behind == 0,
            filled=seen.filled or seen.view.index in targets,
            adopted=seen.view.meta.adopted,
        )
        for seen in observed.views
    )
    return plan.Observed(
        known=True,
        views=views,
        alias_targets=tuple(sorted(targets)),
        live_release_id=live.release_id if live is not None else None,
        frozen=bool(observed.frozen),
    )
