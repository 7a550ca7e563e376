"""What a look makes of the cluster: which revision is what, what aborted a canary, and why a release can't be read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from support.fake_cluster import (
    NAMESPACE,
    FakeApi,
    FakeMemory,
    labels,
    owner,
    pod_template,
    release_map,
    replica_set,
    rollout,
)
from support.observing import view
from support.releases import make_release
from turnout.controller import indexes
from turnout.controller.look import Looker, collections
from turnout.controller.observed import Observed
from turnout.elastic.names import Names
from turnout.elastic.state import Freeze, Quarantine
from turnout.errors import Refused, Unavailable
from turnout.follow import Lag
from turnout.kube.reader import Reader

A, B = (make_release(pipeline={"chunk": {"size": size}}) for size in (64, 48))
NOW = datetime(2026, 1, 1, 2, tzinfo=UTC)
ABORTED = "RolloutAborted: Rollout aborted update to revision 2: Step-based analysis phase error/failed: "
MESSAGE = 'Metric "error-ratio" assessed Failed due to failed (1) > failureLimit (0)'


class World:
    """A collection `toys`: release A is stable, B on trial; every test changes what it is about."""

    def __init__(self) -> None:
        self.api, self.memory = FakeApi(), FakeMemory()
        self.reader = Reader(self.api, NAMESPACE)
        self.looker = Looker(self.reader, self.memory, Names("toys"), now=lambda: NOW)  # type: ignore[arg-type]
        self.api.put("configmaps", release_map("release-a", A))
        self.api.put("configmaps", release_map("release-b", B))
        self.api.put("replicasets", replica_set("aaa", 1, "release-a", ready=3))
        self.api.put("replicasets", replica_set("bbb", 2, "release-b", ready=1))
        self.rollout()

    def rollout(self, **given: Any) -> None:
        """Stable `aaa`, `bbb` on trial; what is given replaces that, or is laid over the status."""
        known = {"stable": "aaa", "current": "bbb", "config_map": "release-b"} | given
        self.api.put("rollouts", rollout(known.pop("stable"), known.pop("current"), known.pop("config_map"), **known))

    def look(self) -> Observed:
        return self.looker.look()

    def run(self, *, hash_: str = "bbb", phase: str = "Failed", message: str = MESSAGE, revision: str = "2") -> None:
        measured = [
            {"phase": "Successful", "value": "[0]"},
            {"phase": "Failed", "value": "[0.21]", "finishedAt": "2026-01-01T00:05:00Z"},
        ]
        self.api.put(
            "analysisruns",
            {
                "metadata": {
                    "name": "search-toys-bbb-2-1",
                    "labels": {"rollouts-pod-template-hash": hash_},
                    "annotations": {"rollout.argoproj.io/revision": revision},
                    "ownerReferences": [owner("search-toys")],
                },
                "status": {
                    "phase": phase,
                    "message": message,
                    "metricResults": [
                        {"name": "p99", "phase": "Successful"},
                        {"name": "error-ratio", "phase": phase, "measurements": measured},
                    ],
                },
            },
        )


@pytest.fixture
def world() -> World:
    return World()


def test_revisions_are_newest_first_with_their_roles_and_releases(world: World) -> None:
    seen = world.look()
    assert [(each.hash, each.role, each.number) for each in seen.revisions] == [
        ("bbb", "canary", 2),
        ("aaa", "stable", 1),
    ]
    assert [each.release for each in seen.revisions] == [B, A]
    assert [(each.replicas, each.ready) for each in seen.revisions] == [(1, 1), (3, 3)]
    assert seen.rollout is not None
    assert (seen.rollout.name, seen.rollout.uid, seen.rollout.settled) == ("search-toys", "uid-search-toys", True)
    assert seen.shards == 2


def test_before_argo_has_seen_the_spec_the_roles_are_yesterdays_and_it_says_so(world: World) -> None:
    world.rollout(observedGeneration="3")
    rolling = world.look().rollout
    assert rolling is not None
    assert not rolling.settled


@pytest.mark.parametrize("text", ["", "two", "9" * 5000])
def test_a_revision_number_that_is_none_counts_as_not_written_yet(world: World, text: str) -> None:
    odd = replica_set("bbb", 2, "release-b")
    odd["metadata"]["annotations"]["rollout.argoproj.io/revision"] = text
    world.api.put("replicasets", odd)
    assert [(found.hash, found.number) for found in world.look().revisions] == [("aaa", 1), ("bbb", 0)]


def test_a_pod_template_without_replica_set_is_a_revision_already(world: World) -> None:
    world.rollout(current="ccc", config_map="release-a")
    first = world.look().revisions[0]
    assert (first.hash, first.role, first.number, first.release) == ("ccc", "canary", 3, A)
    assert first.template["spec"]["containers"][0]["name"] == "search"


def test_replica_sets_of_others_and_those_that_go_are_no_revisions(world: World) -> None:
    world.api.put("replicasets", replica_set("zzz", 9, "release-b", rollout="search-others"))
    going = replica_set("yyy", 8, "release-b")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    world.api.put("replicasets", going)
    assert [each.hash for each in world.look().revisions] == ["bbb", "aaa"]


def test_the_weight_is_the_routers_or_else_the_share_of_ready_pods(world: World) -> None:
    weights = []
    settings: list[dict[str, Any]] = [{}, {"canary": {"weights": {"canary": {"weight": 5}}}}]
    for status in settings:
        world.rollout(**status)
        weights.append(world.look().rollout)
    world.rollout(stable="bbb")
    weights.append(world.look().rollout)
    assert [each.weight for each in weights if each] == [25, 5, 0]


def test_requests_are_shared_by_the_routers_weights_or_else_by_ready_pods(world: World) -> None:
    def shares(**status: Any) -> dict[str, float]:
        world.rollout(**status)
        seen = world.look().rollout
        assert seen is not None
        return seen.shares

    def routed(canary: int, canary_hash: str, *others: int) -> dict[str, Any]:
        stable = {"weight": 100 - canary - sum(others), "podTemplateHash": "aaa"}
        weights: dict[str, Any] = {"canary": {"weight": canary, "podTemplateHash": canary_hash}, "stable": stable}
        additional = [{"weight": each, "podTemplateHash": "trial"} for each in others]
        return {"canary": {"weights": weights | ({"additional": additional} if others else {})}}

    assert shares() == {"aaa": 0.75, "bbb": 0.25}
    assert shares(**routed(5, "bbb")) == {"aaa": 0.95, "bbb": 0.05}
    assert shares(**routed(10, "bbb", 20)) == {"aaa": 0.7, "bbb": 0.1, "trial": 0.2}
    assert shares(**routed(0, "aaa")) == {"aaa": 1.0}


def test_the_window_holds_what_argo_would_go_back_to_without_analysis(world: World) -> None:
    for number in (3, 4, 5, 6):
        world.api.put("replicasets", replica_set(f"h{number}", number, "release-a"))
    world.rollout(stable="h5", current="h6")
    assert {each.hash for each in world.look().revisions if each.in_window} == {"h3", "h4"}


def test_a_revision_that_was_gone_back_to_counts_by_when_it_was_made(world: World) -> None:
    """Argo gives it the newest number, and compares the times."""
    world.api.put("replicasets", replica_set("aaa", 3, "release-a", minute=1))
    world.rollout(stable="bbb", current="aaa", config_map="release-a")
    assert [(each.hash, each.role, each.in_window) for each in world.look().revisions] == [
        ("aaa", "canary", True),
        ("bbb", "stable", False),
    ]


def test_the_failed_analysis_that_aborted_is_named_with_its_metric_and_finding(world: World) -> None:
    world.rollout(abort=True, phase="Degraded", message=ABORTED + MESSAGE)
    world.run()
    rolling = world.look().rollout
    assert rolling is not None
    assert rolling.failed is not None
    assert (rolling.failed.run, rolling.failed.metric) == ("search-toys-bbb-2-1", "error-ratio")
    assert "measured [0.21]" in rolling.failed.reason
    assert "failureLimit" in rolling.failed.reason


@pytest.mark.parametrize(
    ("status", "run"),
    [
        ({"abort": False}, {}),
        ({"message": "RolloutAborted: Rollout aborted update to revision 2"}, {}),
        ({"message": "RolloutAborted: Rollout aborted update to revision 2"}, {"message": ""}),
        ({"message": 'RolloutAborted: Rollout aborted update: ReplicaSet "x" has timed out progressing.'}, {}),
        ({"message": ABORTED + 'Metric "p99" assessed Error due to consecutiveErrors (5)'}, {}),
        ({}, {"phase": "Error"}),
        ({}, {"phase": "Inconclusive"}),
        ({}, {"hash_": "aaa"}),
        ({}, {"revision": "1"}),
        ({"stableRS": "bbb"}, {}),
    ],
    ids=[
        "not aborted",
        "by a person",
        "a silent run",
        "too slow",
        "an error",
        "errored run",
        "inconclusive",
        "other",
        "before",
        "stable",
    ],
)
def test_nothing_less_than_a_failed_analysis_is_a_verdict(
    world: World, status: dict[str, Any], run: dict[str, Any]
) -> None:
    world.rollout(**{"abort": True, "phase": "Degraded", "message": ABORTED + MESSAGE} | status)
    world.run(**run)
    rolling = world.look().rollout
    assert rolling is not None
    assert rolling.failed is None


@pytest.mark.parametrize(
    ("config_map", "told"),
    [
        (None, "there is no ConfigMap release-b"),
        (release_map("release-b", "{nonsense"), "is not a release"),
        (release_map("release-b", '{"apiVersion": "turnout/v2"}'), "is not a release"),
        (release_map("release-b", make_release("others")), "holds a release of 'others', the Rollout is for 'toys'"),
        ({"metadata": {"name": "release-b"}, "data": {}}, "has no release.json"),
        (release_map("release-b", '{"mapping": ' + "[" * 100_000), "is not a release"),
        (release_map("release-b", f'{{"kind": "{"x" * 100_000}"}}'), "is not a release"),
        (release_map("release-b", msgspec.structs.replace(B, id="r-1" * 30_000)), "is no id of one"),
        (release_map("release-b", msgspec.structs.replace(B, id="")), "is no id of one"),
        (release_map("release-b", msgspec.structs.replace(B, collection="x" * 100_000)), "holds a release of"),
    ],
)
def test_a_release_that_cant_be_used_says_why_and_the_other_revision_is_read(
    world: World, config_map: dict[str, Any] | None, told: str
) -> None:
    del world.api.objects["configmaps", "release-b"]
    if config_map is not None:
        world.api.put("configmaps", config_map)
    canary, stable = world.look().revisions
    assert canary.release is None
    assert told in canary.problem
    assert len(canary.problem) < 500
    assert (stable.release, stable.problem) == (A, "")


def test_a_config_map_is_read_once_for_each_of_its_versions(world: World) -> None:
    def reads() -> int:
        return sum(call == ("GET", "configmaps", "release-b") for call in world.api.calls)

    world.look()
    world.look()
    assert reads() == 1
    world.api.put("configmaps", release_map("release-b", A))
    assert world.look().revisions[0].release == A
    assert reads() == 2


def test_spare_config_maps_are_those_that_nothing_mounts_with_their_age(world: World) -> None:
    world.api.put("configmaps", release_map("release-old", A))
    world.api.put("configmaps", release_map("release-followed", A))
    spec = {"template": {"spec": {"volumes": [{"name": "release", "configMap": {"name": "release-followed"}}]}}}
    world.api.put("deployments", {"metadata": {"name": "f", "labels": labels("follow")}, "spec": spec})
    world.rollout(current="ccc", config_map="release-new")
    world.api.put("configmaps", release_map("release-new", B))
    assert world.look().spare_config_maps == {"release-old": 7200.0}


def test_work_says_how_it_ended_and_when(world: World) -> None:
    said = {"type": "Failed", "status": "True", "reason": "PodFailurePolicy", "message": "exit code 1"}
    said["lastTransitionTime"] = "2026-01-01T01:59:00Z"
    mine = labels("fill", **{"turnout.dev/release": "r-1", "turnout.dev/pod-template-hash": "bbb"})
    done = {"type": "Complete", "status": "True", "lastTransitionTime": "2026-01-01T01:00:00Z"}
    world.api.put("jobs", {"metadata": {"name": "fill-1", "labels": mine}, "status": {"conditions": [said]}})
    world.api.put(
        "jobs", {"metadata": {"name": "fill-2", "labels": labels("verify")}, "status": {"conditions": [done]}}
    )
    world.api.put("jobs", {"metadata": {"name": "fill-3", "labels": mine}, "status": {"active": 1}})
    gone = {"name": "fill-4", "labels": mine, "deletionTimestamp": "2026-01-01T01:59:00Z"}
    world.api.put("jobs", {"metadata": gone, "status": {}})
    first, second, third = world.look().work
    assert (first.ended, first.reason, first.seconds_ago) == ("failed", "PodFailurePolicy: exit code 1", 60.0)
    assert (first.release_id, first.hash, first.purpose) == ("r-1", "bbb", "fill")
    assert (second.ended, second.reason, second.purpose) == ("complete", "", "verify")
    assert (third.ended, third.seconds_ago) == ("", 0.0)


def test_a_follower_that_was_scaled_to_none_by_hand_or_lost_its_release_cannot_run(world: World) -> None:
    unlabelled = release_map("unlabelled", A)
    unlabelled["metadata"]["labels"] = {}
    world.api.put("configmaps", unlabelled)
    given = (("a-on", 1, "release-a"), ("b-off", 0, "release-a"), ("c-lost", 1, "gone"), ("d-own", 1, "unlabelled"))
    for name, replicas, config_map in given:
        meta = {"name": name, "labels": labels("follow"), "annotations": {"turnout.dev/view": f"view-{name}"}}
        spec = {"replicas": replicas, "template": pod_template(config_map)}
        world.api.put("deployments", {"metadata": meta, "spec": spec, "status": {"readyReplicas": replicas}})
    seen = world.look().work
    assert [work.can_run for work in seen] == [True, False, False, True]
    assert (seen[0].name, seen[0].view, seen[0].ready, seen[0].purpose) == ("a-on", "view-a-on", True, "follow")


def test_records_tell_of_freezes_and_quarantine(world: World) -> None:
    freeze = Freeze(collection="toys", at="2026", frozen=True, reason="incident", by="me")
    bad = Quarantine(collection="toys", at="2026", release_id=B.id, by="run", reason="errors")
    world.memory.records = {record.key: record for record in (freeze, bad)}
    seen = world.look()
    assert (seen.frozen, seen.quarantined) == ("incident (by me)", {B.id: bad})


def test_half_a_picture_is_none(world: World) -> None:
    world.memory.down = True
    with pytest.raises(Unavailable, match="Elasticsearch"):
        world.look()
    world.memory.down, world.api.down = False, True
    with pytest.raises(Unavailable, match="Kubernetes"):
        world.look()


def test_a_view_that_is_down_hides_nothing_but_how_far_it_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def lag(_reader: object, _names: object, index: str) -> Lag:
        if index == "lost":
            raise Unavailable("only 0 of 1 shards are up", where=index)
        return Lag({0: 3})

    world.memory.views_ = (view(A, name="lost").view, view(B, name="there").view)
    monkeypatch.setattr(indexes, "lag", lag)
    assert [seen.behind for seen in world.look().views] == [None, 3]


def test_two_rollouts_of_one_collection_are_refused_by_name(world: World) -> None:
    world.api.put("rollouts", rollout("x", "x", "release-a", name="search-copy"))
    with pytest.raises(Refused, match="search-copy, search-toys"):
        world.look()


def test_a_collection_without_rollout_has_no_revisions(world: World) -> None:
    del world.api.objects["rollouts", "search-toys"]
    seen = world.look()
    assert (seen.rollout, seen.revisions) == (None, ())


@pytest.mark.parametrize("name", ["*", "a.b", "A", "a_b", "-a"])
def test_a_label_that_could_be_a_pattern_is_no_collection(world: World, name: str) -> None:
    looker = Looker(world.reader, world.memory, Names(name), now=lambda: NOW)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="can't be a collection"):
        looker.look()


def test_collections_are_those_with_a_rollout(world: World) -> None:
    world.api.put("rollouts", rollout("x", "x", "m", name="search-books", collection="books"))
    assert collections(world.reader) == ("books", "toys")
