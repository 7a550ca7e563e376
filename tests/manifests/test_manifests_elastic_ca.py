"""With the component `elasticsearch-ca` every pod that speaks to Elasticsearch trusts the given authority alone."""

from __future__ import annotations

from pathlib import Path

import kubernetes_validate
import pytest

from manifests.rendering import Object, copy_of_the_repository, objects_of, only, overlay, pod_template
from turnout.controller.pods import worker_pod

FILE = "/etc/turnout/elasticsearch/ca.crt"
SOURCE = {"name": "elasticsearch-ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]}


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> tuple[Object, ...]:
    folder: Path = copy_of_the_repository(tmp_path_factory.mktemp("ca")) / "manifests/overlays/production"
    file = folder / "kustomization.yaml"
    file.write_text(file.read_text().replace("components:\n", "components:\n  - ../../components/elasticsearch-ca\n"))
    return objects_of(folder)


def trusted(spec: Object) -> None:
    """Fails unless the pod's container gets the file, read-only, and the setting that names it."""
    [container] = spec["containers"]
    [volume] = [each for each in spec["volumes"] if each["name"] == "elasticsearch-ca"]
    assert volume["configMap"] == SOURCE
    [mount] = [each for each in container["volumeMounts"] if each["name"] == "elasticsearch-ca"]
    assert mount == {"name": "elasticsearch-ca", "mountPath": "/etc/turnout/elasticsearch", "readOnly": True}
    said = [each["value"] for each in container["env"] if each["name"] == "TURNOUT_ELASTICSEARCH_CA"]
    assert said == [FILE]


def test_search_and_controller_pods_get_it(objects: tuple[Object, ...]) -> None:
    for kind in ("Rollout", "Deployment"):
        each = only(objects, kind)
        template = pod_template(each)
        assert template is not None
        trusted(template["spec"])
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": template["spec"]}
        kubernetes_validate.validate(pod, "1.34", strict=True)


def test_the_pods_that_the_controller_makes_get_it_and_keep_the_release_and_its_models(
    objects: tuple[Object, ...],
) -> None:
    pattern, search = only(objects, "PodTemplate")["template"], pod_template(only(objects, "Rollout"))
    assert search is not None
    spec = worker_pod(pattern, search, arguments=("apply",), release_map="", restart="Never")
    trusted(spec)
    assert {each["name"] for each in spec["volumes"]} == {"elasticsearch-ca", "release", "models", "tmp"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": spec}
    kubernetes_validate.validate(pod, "1.34", strict=True)


def test_without_the_component_no_pod_waits_for_the_config_map() -> None:
    assert "elasticsearch-ca" not in str(overlay("production"))
