"""What is built next: the view of the stable release or the canary's, then its verification. Called by `desired`.

Whether a view has to be filled is asked of `turnout.plan`, so that the Job and the plan that it walks agree.
"""

from __future__ import annotations

from collections.abc import Iterator

from turnout import plan
from turnout.controller.actions import Fill, Verify
from turnout.controller.observed import Observed, Revision
from turnout.controller.seen import complete_view, in_turn, jobs, known_release, live_record
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
    """Whether the plan that brings a release live now has a backfill: no filled view serves it, nor could in place."""
    live = live_record(observed)
    base = known_release(live.release_id, observed) if live is not None else None
    if base is not None and base.collection != release.collection:
        base = None
    found = plan.differences(base, release)
    stages = plan.stages(release, _as_planned(observed), base=base, differences=found)
    return any(isinstance(stage, plan.Backfill) for stage in stages)


def _as_planned(observed: Observed) -> plan.Observed:
    """What was seen in the words of planning. Documents aren't counted: that decides between equal views only."""
    live = live_record(observed)
    views = tuple(
        plan.ObservedView(
            index=seen.view.index,
            index_fingerprints=seen.view.meta.index_fingerprints,
            embedding_fingerprint=seen.view.meta.embedding_fingerprint,
            documents=0,
            is_live=seen.view.index in observed.targets,
            caught_up=seen.behind == 0,
            filled=seen.filled or seen.view.index in observed.targets,
            adopted=seen.view.meta.adopted,
        )
        for seen in observed.views
    )
    return plan.Observed(
        known=True,
        views=views,
        alias_targets=tuple(sorted(observed.targets)),
        live_release_id=live.release_id if live is not None else None,
        frozen=bool(observed.frozen),
    )
