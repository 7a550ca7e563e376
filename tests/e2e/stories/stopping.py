"""Changes that are bad: each is stopped by itself, put into quarantine, and its revert is proposed and merged."""

from __future__ import annotations

from e2e import expect, judging, telling
from e2e.images import ERRORS, SLOW
from e2e.overlay import INTERVAL_S
from e2e.repository import Commit
from e2e.stories import changes
from e2e.stories.story import Figures, Story
from e2e.world import World
from support.workspace import COLLECTION, Workspace

GRACE_S = 15.0


def slow(world: World) -> Figures:
    """The commit brings an image that answers late, and a query setting."""
    return _stopped_on_trial(world, _faulty(world, SLOW, "Tune the ranking, with a newer image"), "latency")


def errors(world: World) -> Figures:
    """The commit brings an image of which each fifth search ends in HTTP 500, and a query setting."""
    with world.faults():
        figures = _stopped_on_trial(world, _faulty(world, ERRORS, "Tune the ranking, with another image"), "errors")
    bound = 2 * INTERVAL_S + GRACE_S
    return {**figures, "bound": bound, "within_bound": figures["seconds_from_fault"] <= bound}


def quality(world: World) -> Figures:
    """The release is verified before it gets a pod."""
    commit = world.commit("Search titles only", changes.titles_only())
    assert commit.release is not None
    expect.aborted(world, commit)
    figures = _closed(world, commit)
    answered = [event for event in world.seen(commit.at) if event.release == commit.release.id]
    assert not answered, f"{len(answered)} searches were answered by it"
    record = expect.state(world, commit.release.id)
    assert record is not None
    assert record.state == "failed"
    failed = [check["name"] for check in record.report["checks"] if check["verdict"] == "fail"]
    assert failed == ["quality"], f"failed checks: {failed}"
    return {**figures, "failed_checks": failed}


def _faulty(world: World, image: str, message: str) -> Commit:
    tune = changes.tuned()

    def edit(workspace: Workspace) -> None:
        tune(workspace)
        world.repository.use_image(image)

    return world.commit(message, edit)


def _stopped_on_trial(world: World, commit: Commit, guilty: str) -> Figures:
    expect.stage(world, commit, expect.has_canary, "it is on trial")
    stopped = expect.aborted(world, commit)
    figures = expect.off_traffic(world, commit)
    assert f"Analysis search-{COLLECTION}-{stopped.current}-" in telling.told(world, "aborted")
    assert figures["answers"], "no search ever reached the canary"
    judged = judging.blamed(world, commit, guilty, stable=stopped.stable, canary=stopped.current)
    return {**figures, **judged, **_closed(world, commit)}


def _closed(world: World, commit: Commit) -> Figures:
    """Quarantine, the pull request, its merge: back on the stable ReplicaSet without a new canary."""
    assert commit.release is not None
    elsewhere = expect.alias_elsewhere(world)
    assert not elsewhere, elsewhere
    quarantine = expect.quarantined(world, commit.release.id)
    pull = expect.proposal(world, commit.release.id)
    analysis, _, metric = quarantine.by.partition(" ")
    assert analysis in pull["body"] or metric in pull["body"], f"the pull request doesn't name {quarantine.by}"
    _, seconds = expect.merged(world, commit.release.id)
    return {"quarantined_by": quarantine.by, "seconds_from_merge": seconds}


SLOW_STOPPED = Story(
    "slow-stopped",
    "a release under load",
    "a commit brings an image that answers 2 s later, and another query setting",
    "the latency analysis stops it, the release is quarantined, and merging the proposed revert goes back to stable",
    slow,
)
ERRORS_STOPPED = Story(
    "errors-stopped",
    "a release under load",
    "a commit brings an image of which a fifth of the searches fail, and another query setting",
    "all traffic is back on stable within two analysis intervals and 15 s; merging the proposed revert needs no canary",
    errors,
)
QUALITY_STOPPED = Story(
    "quality-stopped",
    "a release under load",
    "a commit changes the retrieval so that the judged quality falls",
    "verification fails it, no canary pod ever starts, and its revert is proposed and merged",
    quality,
)
