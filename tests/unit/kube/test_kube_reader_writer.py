"""Objects as the API gives them are read as far as they are needed; writing twice is writing once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.fake_cluster import NAMESPACE, FakeApi, labels, release_map, replica_set, rollout
from turnout.errors import EnvironmentProblem, Unavailable
from turnout.kube.api import Conflict
from turnout.kube.reader import Reader
from turnout.kube.writer import Writer


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def reader(api: FakeApi) -> Reader:
    return Reader(api, NAMESPACE)


@pytest.fixture
def writer(api: FakeApi) -> Writer:
    return Writer(api, NAMESPACE)


class Fixed:
    """Answers the same to everything."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def call(self, *_: object, **__: object) -> bytes:
        return self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()


def test_a_rollout_is_read_with_what_argo_wrote_and_nothing_else(api: FakeApi, reader: Reader) -> None:
    weights = {"weights": {"canary": {"weight": 10, "podTemplateHash": "new"}, "stable": {"weight": 90}}}
    paused = [{"reason": "InconclusiveAnalysisRun", "startTime": "2026-01-01T00:00:00Z"}]
    api.put("rollouts", rollout("old", "new", "release-toys-b", canary=weights, pauseConditions=paused, replicas=4))
    api.put("rollouts", rollout("x", "x", "y", name="other") | {"metadata": {"name": "other"}})
    (found,) = reader.rollouts()
    assert (found.status.stable_rs, found.status.current_pod_hash, found.metadata.generation) == ("old", "new", 4)
    assert found.status.canary.weights is not None
    assert found.status.canary.weights.canary.weight == 10
    assert found.spec.rollback_window == {"revisions": 2}
    assert found.status.pause_conditions[0].reason == "InconclusiveAnalysisRun"


def test_a_rollout_that_argo_has_never_seen_is_read(reader: Reader) -> None:
    new = {"metadata": {"name": "x", "labels": labels("search")}, "spec": {}}
    (found,) = Reader(Fixed({"items": [new]}), NAMESPACE).rollouts()
    assert (found.status.stable_rs, found.status.observed_generation) == ("", "")


def test_release_maps_are_listed_without_their_content(api: FakeApi, reader: Reader) -> None:
    api.put("configmaps", release_map("release-toys-a", "{}"))
    api.put("configmaps", release_map("release-others-a", "{}", collection="others"))
    assert [meta.name for meta in reader.release_maps("toys")] == ["release-toys-a"]
    held = reader.config_map("release-toys-a")
    assert held is not None
    assert held.data["release.json"] == "{}"
    assert reader.config_map("nowhere") is None


def test_work_is_found_by_collection_and_kind(api: FakeApi, reader: Reader) -> None:
    for component, collection in (("fill", "toys"), ("verify", "toys"), ("fill", "others"), ("search", "toys")):
        api.put("jobs", {"metadata": {"name": f"{component}-{collection}", "labels": labels(component, collection)}})
    assert [job.metadata.name for job in reader.jobs("toys")] == ["fill-toys", "verify-toys"]


@pytest.mark.parametrize("answer", [{"items": [{"spec": {}}]}, {"items": 3}, b"<html>", b""])
def test_an_answer_that_makes_no_sense_says_where_it_came_from(answer: Any) -> None:
    with pytest.raises(EnvironmentProblem, match="replicasets"):
        Reader(Fixed(answer), NAMESPACE).replica_sets()


def test_lists_of_nothing_are_empty_however_they_are_written() -> None:
    assert Reader(Fixed({"items": None}), NAMESPACE).replica_sets() == ()


def test_what_exists_is_not_made_again_and_what_is_gone_is_not_missed(api: FakeApi, writer: Writer) -> None:
    job = {"metadata": {"name": "fill"}}
    assert [writer.create_job(job), writer.create_job(job)] == [True, False]
    writer.delete_job("fill")
    writer.delete_job("fill")
    assert api.names("jobs") == []


def test_a_deployment_that_somebody_edited_is_brought_back(api: FakeApi, writer: Writer) -> None:
    body = {"metadata": {"name": "follow"}, "spec": {"replicas": 1}}
    assert writer.put_deployment(body)
    api.objects["deployments", "follow"]["spec"]["replicas"] = 0
    assert not writer.put_deployment(body)
    assert api.objects["deployments", "follow"]["spec"]["replicas"] == 1


def test_a_config_map_that_was_changed_since_is_not_deleted(api: FakeApi, reader: Reader, writer: Writer) -> None:
    api.put("configmaps", release_map("release-toys-a", "{}"))
    (seen,) = reader.release_maps("toys")
    api.put("configmaps", release_map("release-toys-a", "{ }"))
    with pytest.raises(Conflict):
        writer.delete_config_map(seen)
    (seen,) = reader.release_maps("toys")
    writer.delete_config_map(seen)
    assert api.names("configmaps") == []


def test_an_outage_is_unavailable_for_every_call(api: FakeApi, reader: Reader, writer: Writer) -> None:
    api.put("replicasets", replica_set("a", 1, "m"))
    api.down = True
    for call in (reader.replica_sets, reader.rollouts, lambda: reader.lease("x"), lambda: writer.create_job({})):
        with pytest.raises(Unavailable):
            call()
