"""People's mistakes: the stable release keeps serving, and the reason is in the status, an event and a metric."""

from __future__ import annotations

import json
import time

from e2e import expect
from e2e.stories.story import Figures, Story
from e2e.waiting import until_told
from e2e.world import World


def unparsable(world: World) -> Figures:
    """release.json is half a file: somebody merged by hand."""
    path = world.repository.workspace.pipelines / "release.json"
    return _unreadable(world, path.read_text()[:100], words=["is not a release"])


def unknown_collection(world: World) -> Figures:
    """release.json of a collection that there is not."""
    path = world.repository.workspace.pipelines / "release.json"
    release = json.loads(path.read_text()) | {"collection": "no-such-collection"}
    return _unreadable(world, json.dumps(release), words=["no-such-collection"])


def _unreadable(world: World, content: str, *, words: list[str]) -> Figures:
    began = time.monotonic()
    before = expect.look(world)
    (world.repository.workspace.pipelines / "release.json").write_text(content)
    bad = world.synced(world.repository.push("Edit release.json by hand"))
    expect.aborted(world, bad)
    seconds = round(time.monotonic() - began, 1)
    sentence = expect.told(world, problem="release-unreadable", words=words, since=began)
    commit = world.synced(world.repository.revert(bad))
    back = expect.promoted(world, commit, seconds=60)
    after = expect.look(world)
    assert after.stable == before.stable, after.told()
    return {"seconds_to_refuse": seconds, "seconds_from_revert": back, "told": sentence}


def alias_by_hand(world: World) -> Figures:
    """Somebody points the alias at the former view."""
    (live,) = world.reader.alias_targets(world.names.alias)
    others = [view.index for view in expect.live_views(world) if view.index != live]
    assert others, "there is only one live view: play model-change first"
    flips = len(world.witness.targets)
    began = time.monotonic()
    alias = world.names.alias
    remove = {"remove": {"index": live, "alias": alias, "must_exist": True}}
    world.writer.update_aliases([remove, {"add": {"index": others[0], "alias": alias}}])
    until_told("the alias is back", lambda: expect.alias_elsewhere(world), seconds=60, poll=0.1)
    seconds = round(time.monotonic() - began, 1)
    sentence = expect.told(world, problem="alias-moved", words=["by hand"], since=began)
    return {"seconds_to_heal": seconds, "told": sentence, "flips_seen": len(world.witness.targets) - flips}


BROKEN_CONFIG_MAP = Story(
    "unparsable-release",
    "a release under load",
    "a commit brings a release.json that doesn't parse",
    "it gets no pod, stable keeps serving, and the reason is told in status, event and metric",
    unparsable,
)
UNKNOWN_COLLECTION = Story(
    "unknown-collection",
    "a release under load",
    "a commit brings the release of a collection that there is not",
    "it gets no pod, stable keeps serving, and the reason is told in status, event and metric",
    unknown_collection,
)
ALIAS_BY_HAND = Story(
    "alias-by-hand",
    "a release under load, and the former view still followed",
    "a person flips the alias to the former view",
    "the controller flips it back, and says so in status, event and metric",
    alias_by_hand,
)
