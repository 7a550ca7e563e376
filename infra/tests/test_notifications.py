"""A stack with notifications: Argo CD and Argo Rollouts take the messages of this repository, others don't."""

import json

import pytest
import yaml
from support.go_modules import ARGO_CD, ARGO_ROLLOUTS, ROOT, module_folder
from support.go_modules import rendered as kustomized

from bootstrap.render import FOLDER, objects, recorded

FLAG = "--self-service-notification-enabled"


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stack")
    text = (FOLDER / "Pulumi.staging.yaml").read_text() + "  turnout-infra:notifications: true\n"
    (folder / "Pulumi.told.yaml").write_text(text)
    return objects(recorded("told", folder))


def one(found, kind, name):
    (each,) = [each for each in found if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return each


def installed(module):
    """What Argo's own folder gives, by kind and name."""
    folder = module_folder(module) / "manifests/cluster-install"
    return list(yaml.load_all(kustomized(folder), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def test_argo_cd_gets_the_messages_into_the_map_that_it_brings_empty(told):
    brought = one(installed(ARGO_CD), "ConfigMap", "argocd-notifications-cm")
    assert "data" not in brought
    ours = one(told, "ConfigMap", "argocd-notifications-cm")
    by_hand = yaml.safe_load((ROOT / "argocd/notifications/messages.yaml").read_text())
    assert (ours["metadata"]["namespace"], ours["data"]) == ("argocd", by_hand["data"])
    assert set(ours["metadata"]) == {"name", "namespace"}  # its labels stay Argo CD's


def test_argo_cd_runs_its_notification_controller():
    assert one(installed(ARGO_CD), "Deployment", "argocd-notifications-controller")["kind"] == "Deployment"


def test_argo_rollouts_reads_messages_of_the_namespaces_of_rollouts(told, tmp_path):
    given = one(told, "Application", "argo-rollouts")["spec"]["source"]["kustomize"]
    for each in installed(ARGO_ROLLOUTS):
        name = f"{each['kind']}-{each['metadata']['name']}.yaml"
        (tmp_path / name).write_text(json.dumps(each))
    resources = sorted(path.name for path in tmp_path.glob("*.yaml"))
    (tmp_path / "kustomization.yaml").write_text(json.dumps({"resources": resources, "patches": given["patches"]}))
    patched = list(yaml.safe_load_all(kustomized(tmp_path)))
    before, after = (one(found, "Deployment", "argo-rollouts") for found in (installed(ARGO_ROLLOUTS), patched))
    (container,) = before["spec"]["template"]["spec"]["containers"]
    assert "args" not in container
    assert after["spec"]["template"]["spec"]["containers"] == [{**container, "args": [FLAG]}]


def test_the_address_of_the_chat_is_a_reference(told):
    (data,) = one(told, "ExternalSecret", "argo-rollouts-notification-secret")["spec"]["data"]
    assert data["secretKey"] == "chat-url"


def test_the_root_application_may_still_not_write_config_maps_beside_argo_cd(told):
    root = one(told, "AppProject", "turnout-root")["spec"]["namespaceResourceWhitelist"]
    assert {each["kind"] for each in root} == {"AppProject", "ApplicationSet"}


def test_without_the_setting_nothing_of_it_is_there(rendered):
    assert not [each for each in rendered if each["kind"] == "ConfigMap"]
    assert FLAG not in json.dumps(rendered)
    assert "argo-rollouts-notification-secret" not in json.dumps(rendered)
