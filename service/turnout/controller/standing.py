"""How far is the release of a revision, and what does it wait for? Called by `desired`.

`ready` lets a canary start and `failed` or `quarantined` ends it, so these three are said only of what is certain.
"""

from __future__ import annotations

from turnout.controller.actions import Standing, State
from turnout.controller.building import must_fill
from turnout.controller.observed import Observed, Revision
from turnout.controller.seen import complete_view, in_turn, is_behind, is_certain, jobs, verdict
from turnout.release.artifacts import Release


def standing(revision: Revision, observed: Observed) -> Standing:
    """The standing of one revision; sentences hold no number that changes by itself."""
    state, waits_for = _judge(revision, observed)
    release_id = revision.release.id if revision.release is not None else ""
    return Standing(hash=revision.hash, release_id=release_id, state=state, waits_for=waits_for)


def _judge(revision: Revision, observed: Observed) -> tuple[State, str]:
    release = revision.release
    if release is None:
        return "failed", revision.problem or "its release can't be read"
    against = verdict(release.id, observed)
    if against == "quarantined":
        return against, observed.quarantined[release.id].reason
    record = observed.record(release.id)
    if against == "failed":
        return against, record.reason if record is not None else ""
    if not is_certain(observed):
        return "unknown", "Argo Rollouts has not observed the Rollout as it is now"
    if not observed.shards:
        return "waiting", "there is no documents index to build a view from"
    done = complete_view(release, observed)
    if done is None:
        return _unfinished(revision, release, observed)
    if done.behind is None:
        return "waiting", f"how far {done.view.index} is behind the documents can't be known"
    if is_behind(done):
        return "waiting", f"{done.view.index} catches up with the documents"
    return "ready", ""


def _unfinished(revision: Revision, release: Release, observed: Observed) -> tuple[State, str]:
    running = {job.purpose for job in jobs(release.id, observed) if not job.ended}
    if "verify" in running:
        return "verifying", "its verification is under way"
    if "fill" in running:
        return "building", "its view is being filled"
    record = observed.record(release.id)
    if record is not None and record.state == "verifying" and record.reason:
        return "waiting", f"its verification was inconclusive and is tried again: {record.reason}"
    for job in jobs(release.id, observed):
        if job.ended == "failed":
            return "waiting", f"{job.name} failed and is tried again: {job.reason}"
    return "waiting", _next(revision, release, observed)


def _next(revision: Revision, release: Release, observed: Observed) -> str:
    turns = [asked.id for _, asked in in_turn(observed)]
    if release.id not in turns:
        return "nothing is built while the Rollout is aborted" if revision.role == "canary" else "nothing asks for it"
    for other in turns[: turns.index(release.id)]:
        if _is_unfinished(other, observed):
            return f"release {other} is built first"
    return "its view has to be filled" if must_fill(release, observed) else "it has to be verified"


def _is_unfinished(release_id: str, observed: Observed) -> bool:
    return any(asked.id == release_id and complete_view(asked, observed) is None for _, asked in in_turn(observed))
