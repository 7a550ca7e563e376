"""What a person must know about a collection: one sentence for each fixed word. Called by `desired`.

They become events, a metric and lines of `turnout status`, so no sentence holds a number that changes by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from turnout.controller.flipping import judge_flip, was_moved_by_hand
from turnout.controller.following import followed
from turnout.controller.observed import Observed, Revision
from turnout.controller.retiring import to_retire, unexplained
from turnout.controller.seen import complete_view, is_behind, is_certain, jobs, live_record, searched

Problem = tuple[str, str]


def problems(observed: Observed) -> dict[str, str]:
    """The problems by their fixed word. What has one word and happens twice is told in one line."""
    told: dict[str, list[str]] = {}
    for word, sentence in _problems(observed):
        told.setdefault(word, []).append(sentence)
    return {word: "; ".join(dict.fromkeys(sentences)) for word, sentences in told.items()}


def _problems(observed: Observed) -> Iterator[Problem]:
    if observed.rollout is None:
        yield "no-rollout", "there is no Rollout of this collection: nothing is built, moved or deleted"
    elif not is_certain(observed):
        yield "unsettled", "Argo Rollouts has not observed the Rollout as it is now: nothing is done until it has"
    if not observed.shards:
        yield "no-documents", "there is no documents index: ingest documents, or see whether it was deleted"
    for revision in (observed.revision("stable"), observed.revision("canary")):
        if revision is not None:
            yield from _of_release(revision, observed)
    yield from _of_rollout(observed)
    if is_certain(observed) and observed.shards:
        yield from _of_alias(observed)
        yield from _of_views(observed)


def _of_release(revision: Revision, observed: Observed) -> Iterator[Problem]:
    release = revision.release
    if release is None:
        yield "release-unreadable", f"the release of the {revision.role} revision can't be used: {revision.problem}"
        return
    record = observed.record(release.id)
    quarantine = observed.quarantined.get(release.id)
    if quarantine is not None:
        revert = f"merge {quarantine.proposal}" if quarantine.proposal else "no pull request reverts it yet"
        reason = f"release {release.id} is quarantined by {quarantine.by} ({quarantine.reason})"
        yield "quarantined", f"{reason}; {revert}"
    elif record is not None and record.state == "failed":
        yield "verification-failed", f"release {release.id} failed its verification: {record.reason}"
    elif complete_view(release, observed) is None:
        if record is not None and record.state == "verifying" and record.reason:
            yield "verification-inconclusive", f"release {release.id} is not let through yet: {record.reason}"
        for job in jobs(release.id, observed):
            if job.ended == "failed":
                yield "work-failed", f"{job.name} failed: {job.reason or 'see its log'}"


def _of_rollout(observed: Observed) -> Iterator[Problem]:
    rollout, stable, canary = observed.rollout, observed.revision("stable"), observed.revision("canary")
    if rollout is None:
        return
    if rollout.aborted:
        failed = rollout.failed
        why = f"{failed.metric} of {failed.run}: {failed.reason}" if failed is not None else rollout.message
        yield "aborted", f"the Rollout is aborted and stays on its stable revision ({why})"
        if stable is not None and canary is not None and _same_release(stable, canary) and failed is not None:
            yield (
                "image-failed",
                "the release is the stable one, so its new image or pod template failed: revert in Git",
            )
    elif rollout.phase == "Paused" and "Inconclusive" in rollout.message:
        said = f" ({rollout.inconclusive})" if rollout.inconclusive else ""
        yield (
            "paused-inconclusive",
            f"an analysis had not enough evidence, and the Rollout is paused until a person acts{said}",
        )


def _same_release(one: Revision, other: Revision) -> bool:
    return one.release is not None and other.release is not None and one.release.id == other.release.id


def _of_alias(observed: Observed) -> Iterator[Problem]:
    flip, waits_for = judge_flip(observed)
    is_there = flip is not None and flip.expect == (flip.view,)
    targets = ", ".join(sorted(observed.targets)) or "no index"
    if was_moved_by_hand(observed) and not is_there:
        yield "alias-moved", f"the alias points at {targets}, where no flip left it: somebody moved it by hand"
    if waits_for and (observed.targets or observed.flips):
        yield "alias-not-at-stable", f"the alias stays at {targets}: {waits_for}"
    if not observed.frozen:
        return
    if flip is not None:
        yield "frozen", f"the alias can't follow to {flip.view}, because the collection is frozen: {observed.frozen}"
    elif to_retire(observed):
        yield "frozen", f"views that nobody needs are kept, because the collection is frozen: {observed.frozen}"


def _of_views(observed: Observed) -> Iterator[Problem]:
    wanted = searched(observed)
    for seen in observed.views:
        if is_behind(seen) and seen.view.index in wanted:
            yield "view-behind", f"{seen.view.index} is searched and lacks many documents: see its follower"
    for index, release_id in followed(observed).items():
        if not release_id:
            yield "not-followed", f"{index} can't be kept up to date: no record tells the release that it was built for"
    for index in unexplained(observed):
        yield "too-many-views", f"nothing says what {index} is for: delete it if nobody needs it"
    live = [record.release_id for record in observed.records if record.state == "live"]
    if live and live_record(observed) is None and not observed.targets:
        yield "alias-moved", "the alias is gone: somebody deleted it"
