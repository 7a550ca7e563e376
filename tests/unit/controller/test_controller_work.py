"""What the controller makes to work for a release: with the operator's rights and limits, and the release's code."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.fake_cluster import pattern, pod_template
from support.releases import make_release
from turnout.controller.actions import Fill, Follow, Verify
from turnout.controller.observed import Revision, Rolling
from turnout.controller.pods import worker_pod
from turnout.controller.work import fill_job, follower, follower_name, release_map, verify_job
from turnout.elastic.state import ReleaseRecord
from turnout.errors import BadInput, Refused
from turnout.kube.objects import PodTemplate
from turnout.release.fingerprint import decode

ROLLING = Rolling(name="search-toys", uid="u", phase="", message="", aborted=False, settled=True)
RELEASE = make_release()
VIEW = "toys.view.i-0123456789abcdef.1"


def revision(template: dict[str, Any] | None = None) -> Revision:
    template = template or pod_template("release-toys-a", image="turnout:7")
    return Revision(
        hash="abc", number=1, role="canary", config_map="release-toys-a", release=RELEASE, template=template
    )


def worker_pattern(body: dict[str, Any] | None = None) -> PodTemplate:
    return msgspec.convert(body or pattern(), PodTemplate)


def filled(shards: int = 8, **annotations: str) -> dict[str, Any]:
    action = Fill(release_id=RELEASE.id, hash="abc", shards=shards)
    given = worker_pattern(pattern(**{f"turnout.dev/{key}": value for key, value in annotations.items()}))
    return fill_job(action, revision(), ROLLING, collection="toys", pattern=given)


def followed(config_map: str = "release-toys-old", template: dict[str, Any] | None = None) -> dict[str, Any]:
    action = Follow(view=VIEW, release_id=RELEASE.id, hash="abc", config_map=config_map)
    return follower(action, revision(template), ROLLING, collection="toys", pattern=worker_pattern())


def worker_of(body: dict[str, Any]) -> dict[str, Any]:
    (worker,) = body["spec"]["template"]["spec"]["containers"]
    assert isinstance(worker, dict)
    return worker


def made() -> list[dict[str, Any]]:
    verify = Verify(release_id=RELEASE.id, hash="abc")
    return [filled(), verify_job(verify, revision(), ROLLING, collection="toys", pattern=worker_pattern()), followed()]


def test_a_backfill_has_a_pod_for_each_shard_and_a_few_at_once() -> None:
    spec = filled(8)["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 8, 4)
    assert filled(2)["spec"]["parallelism"] == 2
    assert filled(8, parallelism="8")["spec"]["parallelism"] == 8
    assert worker_of(filled())["args"] == [
        *("apply", "--release", "/release/release.json", "--until", "filled"),
        *("--shard", "$(JOB_COMPLETION_INDEX)", "--processes", "0"),
    ]


def test_an_image_from_before_the_metrics_of_backfills_can_still_fill() -> None:
    """An option that it doesn't know would end the Job for good; a variable is passed over."""
    fill = worker_of(filled())
    assert not [each for each in fill["args"] if "metrics" in each]
    variables = {each["name"]: each.get("value") for each in fill["env"]}
    assert variables["TURNOUT_METRICS_HOST"] == "0.0.0.0"  # noqa: S104
    assert variables["TURNOUT_METRICS_PORT"] == "8082"
    assert all("TURNOUT_METRICS_PORT" not in str(worker_of(body)["env"]) for body in made()[1:])


@pytest.mark.parametrize("text", ["0", "-1", "many", ""])
def test_a_parallelism_that_is_no_number_is_told(text: str) -> None:
    with pytest.raises(BadInput, match=r"turnout\.dev/parallelism"):
        filled(8, parallelism=text)


def test_a_refusal_ends_a_job_at_once_and_a_drained_node_costs_no_attempt() -> None:
    for body in made()[:2]:
        spec = body["spec"]
        first, second = spec["podFailurePolicy"]["rules"]
        assert (first["action"], first["onExitCodes"]["values"]) == ("FailJob", [1, 2])
        assert (second["action"], second["onPodConditions"][0]["type"]) == ("Ignore", "DisruptionTarget")
        assert spec["template"]["spec"]["restartPolicy"] == "Never"  # the policy needs it
        assert spec["ttlSecondsAfterFinished"] > 0
        assert "activeDeadlineSeconds" not in spec


def test_kubernetes_takes_what_is_made() -> None:
    validator = pytest.importorskip("kubernetes_validate")
    for body in made():
        validator.validate(body, "1.37", strict=True)


def test_names_say_what_they_are_for_and_fit() -> None:
    names = [body["metadata"]["name"] for body in made()]
    assert names == ["fill-toys-abc", "verify-toys-abc", follower_name("toys", VIEW)]
    assert len({follower_name("toys", f"{VIEW}{n}") for n in range(100)}) == 100
    assert all(len(name) <= 63 for name in names)


def test_everything_goes_with_the_rollout_and_can_be_found() -> None:
    for body, component in zip(made(), ("fill", "verify", "follow"), strict=True):
        (owner,) = body["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("Rollout", "search-toys", "u")
        for labels in (body["metadata"]["labels"], body["spec"]["template"]["metadata"]["labels"]):
            assert labels["app.kubernetes.io/component"] == component
            assert labels["turnout.dev/collection"] == "toys"
            assert labels["turnout.dev/release"] == RELEASE.id
            assert labels["turnout.dev/pod-template-hash"] == "abc"
            assert "rollouts-pod-template-hash" not in labels  # Services would send it searches


def test_a_worker_runs_the_releases_image_with_its_models_and_settings() -> None:
    for body in made():
        worker, spec = worker_of(body), body["spec"]["template"]["spec"]
        assert worker["image"] == "turnout:7"
        assert [each["image"] for each in spec["initContainers"]] == ["turnout-models:1"]
        assert {volume["name"] for volume in spec["volumes"]} == {"release", "models", "tmp"}
        assert {mount["mountPath"] for mount in worker["volumeMounts"]} == {"/release", "/models", "/tmp"}  # noqa: S108
        assert {"name": "TURNOUT_MODELS", "value": "/models"} in worker["env"]
        assert worker["envFrom"] == [{"configMapRef": {"name": "turnout-settings"}}]


def test_a_worker_has_the_operators_rights_limits_and_credentials_and_no_others() -> None:
    for body in made():
        worker, spec = worker_of(body), body["spec"]["template"]["spec"]
        assert spec["serviceAccountName"] == "turnout-worker"
        assert spec["automountServiceAccountToken"] is False
        assert worker["resources"] == {"limits": {"memory": "1Gi"}}
        secrets = [each["valueFrom"]["secretKeyRef"]["name"] for each in worker["env"] if "valueFrom" in each]
        assert secrets == ["turnout-elasticsearch-write"]
        assert "POD_TEMPLATE_HASH" not in {each["name"] for each in worker["env"]}


def test_a_worker_is_restricted_though_the_pattern_forgot_to_say_so() -> None:
    for body in made():
        spec = body["spec"]["template"]["spec"]
        assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        assert worker_of(body)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_a_follower_is_one_pod_that_is_replaced_and_scraped() -> None:
    body = followed()
    spec = body["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert body["metadata"]["annotations"] == {"turnout.dev/view": VIEW}
    pod = spec["template"]
    assert pod["metadata"]["annotations"] == {"prometheus.io/scrape": "true", "prometheus.io/port": "8082"}
    assert worker_of(body)["args"][-4:] == ["--metrics-host", "0.0.0.0", "--metrics-port", "8082"]  # noqa: S104
    assert pod["spec"]["restartPolicy"] == "Always"


def test_a_pod_that_fills_is_scraped_and_one_that_verifies_is_not() -> None:
    fill, verify = (body["spec"]["template"]["metadata"]["annotations"] for body in made()[:2])
    assert fill == {"prometheus.io/scrape": "true", "prometheus.io/port": "8082"}
    assert "prometheus.io/scrape" not in verify
    assert worker_of(filled())["ports"] == [{"name": "metrics", "containerPort": 8082, "protocol": "TCP"}]


def test_a_follower_mounts_the_release_that_it_follows_for_and_only_that() -> None:
    (volume,) = [v for v in followed()["spec"]["template"]["spec"]["volumes"] if v["name"] == "release"]
    assert volume["configMap"] == {
        "name": "release-toys-old",
        "items": [{"key": "release.json", "path": "release.json"}],
    }


def test_what_selects_a_followers_pods_outlives_its_release_and_image() -> None:
    other = Follow(view=VIEW, release_id="r-other", hash="xyz", config_map="m")
    later = follower(
        other, msgspec.structs.replace(revision(), hash="xyz"), ROLLING, collection="toys", pattern=worker_pattern()
    )
    first = followed()
    assert first["metadata"]["name"] == later["metadata"]["name"]
    assert first["spec"]["selector"] == later["spec"]["selector"]
    for body in (first, later):
        labels = body["spec"]["template"]["metadata"]["labels"]
        assert body["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_a_release_that_git_forgot_is_written_as_it_was() -> None:
    record = ReleaseRecord(
        collection="toys",
        at="2026",
        release_id=RELEASE.id,
        state="former",
        view=VIEW,
        release=msgspec.to_builtins(RELEASE),
    )
    body = release_map(record, RELEASE, ROLLING)
    assert body["metadata"]["name"] == f"release-toys-{RELEASE.id}"
    assert body["immutable"] is True
    assert decode(body["data"]["release.json"].encode()) == RELEASE


def test_a_missing_container_is_told_by_name() -> None:
    nothing: dict[str, Any] = {"spec": {"containers": [{"name": "main", "image": "x"}]}}
    with pytest.raises(Refused, match="no container called search"):
        followed(template=nothing)
    with pytest.raises(Refused, match="no container called worker"):
        worker_pod(nothing, pod_template("m"), arguments=(), release_map="", restart="Never")


SECRETIVE = st.sampled_from(
    [
        {"name": "X_API_KEY", "value": "s3cret"},
        {"name": "GIT_TOKEN", "value": "s3cret"},
        {"name": "PLAIN", "valueFrom": {"secretKeyRef": {"name": "s3cret", "key": "k"}}},
        {"name": "db_password", "value": "s3cret"},
    ]
)


@given(st.lists(SECRETIVE), st.booleans())
def test_no_secret_of_a_search_pod_reaches_a_worker(variables: list[dict[str, Any]], env_from: bool) -> None:
    template = pod_template("release-toys-a")
    search = template["spec"]["containers"][0]
    search["env"] += variables
    if env_from:
        search["envFrom"].append({"secretRef": {"name": "s3cret"}})
    assert "s3cret" not in json.dumps(followed(template=template))


def test_making_a_body_changes_neither_pattern_nor_revision() -> None:
    template, given = pod_template("release-toys-a"), pattern()
    before = json.dumps([template, given])
    action = Follow(view=VIEW, release_id="r", hash="abc", config_map="m")
    follower(action, revision(template), ROLLING, collection="toys", pattern=worker_pattern(given))
    assert json.dumps([template, given]) == before
