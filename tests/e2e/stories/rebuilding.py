"""The cluster is lost and made again from Git. Elasticsearch and Git are what remains."""

from __future__ import annotations

import time

from e2e import expect, rolling
from e2e.accounting import SEARCHES
from e2e.repository import Commit
from e2e.stories import changes
from e2e.stories.story import Figures, Story
from e2e.waiting import until
from e2e.world import World

WATCHED_S = 15.0
"""How long a quarantined release is watched for not serving, once its pods run."""


def _rebuild(world: World, commit: Commit) -> None:
    world.argo.tear_down()
    world.argo.set_up()
    world.synced(commit)


def before_the_revert(world: World) -> Figures:
    """Git still asks for the release in quarantine, and a first creation has no canary steps."""
    bad = world.commit("Search titles only", changes.titles_only())
    assert bad.release is not None
    expect.aborted(world, bad)
    expect.quarantined(world, bad.release.id)
    targets = world.reader.alias_targets(world.names.alias)
    with world.outage(SEARCHES):
        began = time.monotonic()
        _rebuild(world, bad)
        until("pods of the quarantined release run", lambda: _running(world), seconds=180)
        up = round(time.monotonic() - began, 1)
        expect.told(world, problem="quarantined", words=[bad.release.id], since=began)
        _watch(world)
        served = [event for event in world.seen(began) if event.release == bad.release.id]
        assert not served, f"{len(served)} searches were answered by the quarantined release"
        assert world.reader.alias_targets(world.names.alias) == targets, "the alias moved"
        world.github.merge(int(expect.proposal(world, bad.release.id)["number"]))
        commit = world.synced(world.repository.pull())
        seconds = expect.promoted(world, commit, seconds=240)
        until("searches are answered again", world.answers, seconds=60)
    return {"seconds_to_rebuild": up, "seconds_from_merge": seconds}


def _running(world: World) -> bool:
    return any(pod["status"].get("phase") == "Running" for pod in rolling.pods(world.kube, "search"))


def _watch(world: World) -> None:
    end = time.monotonic() + WATCHED_S
    while time.monotonic() < end:
        ready = [pod["metadata"]["name"] for pod in rolling.pods(world.kube, "search") if rolling.is_ready(pod)]
        assert not ready, f"pods of the quarantined release turned ready: {ready}"
        time.sleep(1)


def after_the_revert(world: World) -> Figures:
    """Git asks for the good release; Elasticsearch has its view."""
    assert world.good is not None
    views = set(world.witness.views)
    with world.outage(SEARCHES):
        began = time.monotonic()
        _rebuild(world, world.good)
        until("the new cluster has its Rollout", lambda: rolling.look(world.kube), seconds=120)
        expect.promoted(world, world.good, seconds=240)
        until("searches are answered again", world.answers, seconds=60)
        seconds = round(time.monotonic() - began, 1)
    assert set(world.witness.views) == views, "a view was built again"
    return {"seconds_to_rebuild": seconds}


REBUILT_BEFORE = Story(
    "rebuilt-before-the-revert",
    "a release in quarantine that Git still asks for, its revert not yet merged",
    "the namespace is lost and made again from Git",
    "the quarantined release isn't served, alias readers notice nothing, and merging the revert brings search back",
    before_the_revert,
)
REBUILT_AFTER = Story(
    "rebuilt-after-the-revert",
    "a release in quarantine of which the revert is merged",
    "the namespace is lost and made again from Git",
    "the good release is served from the view that is there, and nothing is built again",
    after_the_revert,
)
