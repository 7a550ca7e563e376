"""Faults that people make with releases: one that fails, an alias moved by hand, a backfill that hangs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from demo import edits
from e2e import expect
from e2e.stories import changes
from e2e.stories.promoting import jobs
from e2e.waiting import until, until_told
from e2e.world import Edit, World
from exercise.faults.fault import Fault, Scene
from exercise.faults.pods import former, stop
from exercise.runbook import FIRST_PAGE
from support.workspace import Workspace


def passages(world: World, size: int) -> Edit:
    """Another length of passages: every document is embedded again, with the model that takes no time."""

    def edit(workspace: Workspace) -> None:
        edits.release_a(workspace, world.static)
        workspace.edit("pipeline.yaml", {"chunk.size": size})

    return edit


@contextmanager
def _failed_release(scene: Scene) -> Iterator[float]:
    """Valid, but its quality is so bad that verification fails it."""
    world = scene.world
    bad = world.commit("Search titles only", changes.titles_only())
    assert bad.release is not None
    expect.aborted(world, bad)
    yield time.monotonic()
    scene.change(FIRST_PAGE, "git revert", COMMIT=bad.sha)
    expect.promoted(world, world.synced(world.repository.pull()), seconds=120)


@contextmanager
def _alias_by_hand(scene: Scene) -> Iterator[float]:
    """While the collection is frozen, so that the controller doesn't move it back before anybody has seen it."""
    world = scene.world
    scene.change(FIRST_PAGE, "turnout freeze")
    (live,) = world.reader.alias_targets(world.names.alias)
    alias, (view, _) = world.names.alias, former(world)
    remove = {"remove": {"index": live, "alias": alias, "must_exist": True}}
    began = time.monotonic()
    world.writer.update_aliases([remove, {"add": {"index": view, "alias": alias}}])
    yield began
    until_told("the alias is back", lambda: expect.alias_elsewhere(world), seconds=60)


@contextmanager
def _held_backfill(scene: Scene) -> Iterator[float]:
    """The pods that fill a new view hang, as if their machine did. Then a person has doubts, and thinks again."""
    world = scene.world
    commit = world.commit("Cut longer passages", passages(world, 180))
    assert commit.release is not None
    release_id = commit.release.id
    until("a pod of the backfill runs", lambda: jobs(world, release_id) and stop(world, "fill"), seconds=90, poll=0.2)
    yield time.monotonic()
    expect.stage(world, commit, expect.has_canary, "it is on trial", seconds=240)
    scene.change(FIRST_PAGE, "kubectl argo rollouts abort")
    expect.aborted(world, commit)
    scene.change("RolloutAborted", "kubectl argo rollouts retry")
    expect.stage(world, commit, expect.has_canary, "it is on trial again")
    scene.change("VerdictInconclusive", "kubectl argo rollouts promote")
    expect.promoted(world, commit, seconds=300)


FAILED_RELEASE = Fault(
    "failed-release",
    "a commit brings a release that fails its verification",
    # From the abort; the controller looks every 2 s here.
    {"RolloutAborted": 15.0},
    _failed_release,
    needs=frozenset({"rollout"}),
    uses=frozenset({"controller", "elasticsearch"}),
    also=("ReleaseBlocked", "QuarantinedReleaseInGit"),
)
ALIAS = Fault(
    "alias-by-hand",
    "somebody moves the alias to the former view while the collection is frozen",
    {"AliasMovedByHand": 30.0},
    _alias_by_hand,
    needs=frozenset({"alias"}),
    uses=frozenset({"controller", "elasticsearch"}),
    also=("CollectionFrozen", "AliasNotAtStable"),
    mends=lambda scene: scene.change("AliasNotAtStable", "turnout freeze"),
)
BACKFILL = Fault(
    "backfill-held",
    "the pods of a backfill hang",
    {},
    _held_backfill,
    needs=frozenset({"rollout", "alias", "pods", "former"}),
    uses=frozenset({"controller", "elasticsearch"}),
    also=("BackfillStalled", "VerdictInconclusive"),
    mends=lambda scene: scene.change("BackfillStalled", "kubectl delete pods"),
)
