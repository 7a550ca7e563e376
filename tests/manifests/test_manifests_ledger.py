"""The ledger's component: one pod per collection on a disk of its own, that can read and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifests.rendering import Object, containers, copy_of_the_repository, objects_of, only, pod_template


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Object, ...]:
    root: Path = copy_of_the_repository(tmp_path_factory.mktemp("repository"))
    file = root / "manifests/collections/python-docs/kustomization.yaml"
    file.write_text(file.read_text() + "components:\n  - ../../components/ledger\n")
    return objects_of(root / "manifests/overlays/staging")


@pytest.fixture(scope="module")
def deployment(rendered: tuple[Object, ...]) -> Object:
    return only(rendered, "Deployment", "ledger-python-docs")


def test_it_keeps_the_collection_that_its_labels_name_on_a_claim_that_nothing_prunes(
    rendered: tuple[Object, ...], deployment: Object
) -> None:
    template = pod_template(deployment)
    assert template is not None
    assert template["metadata"]["labels"]["turnout.dev/collection"] == "python-docs"
    claim = only(rendered, "PersistentVolumeClaim")
    assert template["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert claim["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] == "Delete=false,Prune=false"
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


def test_it_is_restricted_and_holds_the_reading_credential_only(deployment: Object) -> None:
    template = pod_template(deployment)
    assert template is not None
    assert template["spec"]["securityContext"]["runAsNonRoot"] is True
    assert template["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert template["spec"]["automountServiceAccountToken"] is False
    [container] = containers(template)
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    secrets = {each["valueFrom"].get("secretKeyRef", {}).get("name") for each in container["env"]} - {None}
    assert secrets == {"turnout-elasticsearch-read"}


def test_only_prometheus_reaches_it_and_it_reaches_only_elasticsearch(rendered: tuple[Object, ...]) -> None:
    policy = only(rendered, "NetworkPolicy", "ledger-python-docs")["spec"]
    assert policy["podSelector"]["matchLabels"]["turnout.dev/collection"] == "python-docs"
    places = [
        (side, each["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"], rule["ports"])
        for side, peers in (("ingress", "from"), ("egress", "to"))
        for rule in policy[side]
        for each in rule[peers]
    ]
    assert places == [("ingress", "monitoring", [{"port": 8082}]), ("egress", "elasticsearch", [{"port": 9200}])]


def test_prometheus_finds_its_pods(rendered: tuple[Object, ...]) -> None:
    [expression] = only(rendered, "PodMonitor", "turnout")["spec"]["selector"]["matchExpressions"]
    assert "ledger" in expression["values"]
