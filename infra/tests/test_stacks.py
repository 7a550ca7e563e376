"""Every resource of every stack: valid for the pinned versions, and what argocd/ and manifests/ expect of it."""

import json
import subprocess
import sys

import kubernetes_validate
import pytest
import yaml
from support.crds import crd_errors
from support.go_modules import ARGO_CD, ARGO_ROLLOUTS, ECK, ROOT, module_folder
from support.go_modules import rendered as kustomized

from bootstrap import versions
from bootstrap.namespaces import LEVELS, pod_security
from bootstrap.render import objects, recorded
from bootstrap.secrets import REFERENCES

KUBERNETES = "1.34"
NOT_OBJECTS = {"kubernetes:kustomize/v2:Directory"}


def of_kind(found, kind):
    return {each["metadata"]["name"]: each for each in found if each["kind"] == kind}


def test_everything_that_is_made_is_rendered(recorder, rendered):
    made = [name for kind, name, _ in recorder.resources if kind not in NOT_OBJECTS]
    assert len(made) == len(rendered)


def test_every_object_is_valid_and_has_no_unknown_field(rendered):
    for each in rendered:
        if "." in each["apiVersion"]:
            assert crd_errors(each) == [], each["metadata"]["name"]
        else:
            kubernetes_validate.validate(each, KUBERNETES, strict=True)


def test_numbers_stay_whole(rendered):
    limits = [each["spec"]["syncPolicy"]["retry"]["limit"] for each in rendered if each["kind"] == "Application"]
    assert {type(limit) for limit in limits} == {int}


def test_every_object_has_a_namespace_that_comes_first(rendered):
    names = list(of_kind(rendered, "Namespace"))
    assert [each["metadata"]["name"] for each in rendered[: len(names)]] == names
    for each in rendered[len(names) :]:
        assert each["metadata"]["namespace"] in names
        destination = each["spec"].get("destination", {}).get("namespace")
        assert destination is None or destination in names


def test_our_namespace_is_labelled_as_in_manifests(rendered):
    path = ROOT / "manifests/base/namespace.yaml"
    wanted = yaml.safe_load(path.read_text())["metadata"]["labels"]
    labels = of_kind(rendered, "Namespace")["turnout"]["metadata"]["labels"]
    assert {key: value for key, value in labels.items() if key.startswith("pod-security")} == wanted


def test_the_stacks_differ_as_their_files_say():
    names = {stack: set(of_kind(objects(recorded(stack)), "Application")) for stack in ("development", "production")}
    assert names["production"] == {"argo-rollouts", "turnout-root"}
    assert names["development"] - names["production"] == {"prometheus", "eck-operator", "elasticsearch"}


def test_argo_cd_comes_from_its_own_folder_at_the_version_of_the_e2e(recorder):
    (directory,) = [inputs["directory"] for kind, _, inputs in recorder.resources if kind in NOT_OBJECTS]
    assert directory.endswith(f"/tree/{versions.ARGO_CD}/manifests/cluster-install")
    assert [
        f"{module}@{version}"
        for module, version in (
            ("github.com/argoproj/argo-cd/v3", versions.ARGO_CD),
            ("github.com/argoproj/argo-rollouts", versions.ARGO_ROLLOUTS),
            ("github.com/elastic/cloud-on-k8s/v3", versions.ECK),
        )
    ] == [ARGO_CD, ARGO_ROLLOUTS, ECK]


def test_the_root_application_replaces_the_fields_that_are_there(stack, rendered, tmp_path):
    source = of_kind(rendered, "Application")["turnout-root"]["spec"]["source"]
    folder = tmp_path / "argocd"
    folder.mkdir()
    for path in (ROOT / source["path"]).glob("*.yaml"):
        (folder / path.name).write_text(path.read_text())
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    kustomization["patches"] = source["kustomize"]["patches"]
    (folder / "kustomization.yaml").write_text(json.dumps(kustomization))
    applied = list(yaml.safe_load_all(kustomized(folder)))
    (project,) = of_kind(applied, "AppProject").values()
    (cluster,) = of_kind(applied, "ApplicationSet")["turnout"]["spec"]["generators"][0]["list"]["elements"]
    assert project["spec"]["destinations"] == [{"name": "in-cluster", "namespace": "turnout"}]
    assert (ROOT / "manifests/overlays" / cluster["environment"]).is_dir()
    assert cluster["environment"] == {"development": "ephemeral"}.get(stack, stack)


def test_every_application_is_allowed_by_its_project(rendered):
    projects = of_kind(rendered, "AppProject")
    for application in of_kind(rendered, "Application").values():
        spec = application["spec"]
        allowed = projects[spec["project"]]["spec"]
        assert spec["source"]["repoURL"] in allowed["sourceRepos"]
        assert spec["destination"] in allowed["destinations"]


@pytest.fixture(scope="session")
def rollouts_objects():
    text = kustomized(module_folder(ARGO_ROLLOUTS) / "manifests/cluster-install")
    return list(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def kinds_of(project):
    spec = project["spec"]
    return {(i["group"], i["kind"]) for i in spec["clusterResourceWhitelist"] + spec["namespaceResourceWhitelist"]}


def test_the_platform_project_allows_what_rollouts_brings(rendered, rollouts_objects):
    allowed = kinds_of(of_kind(rendered, "AppProject")["turnout-platform"])
    brought = {(each["apiVersion"].rpartition("/")[0], each["kind"]) for each in rollouts_objects}
    assert brought - allowed == set()


def test_rollouts_runs_at_its_version_though_its_folder_says_latest(rendered, rollouts_objects):
    image = of_kind(rollouts_objects, "Deployment")["argo-rollouts"]["spec"]["template"]["spec"]["containers"][0][
        "image"
    ]
    (pinned,) = of_kind(rendered, "Application")["argo-rollouts"]["spec"]["source"]["kustomize"]["images"]
    assert pinned == f"{image.partition(':')[0]}:{versions.ARGO_ROLLOUTS}"


def pod_specs(found):
    return [each["spec"]["template"]["spec"] for each in found if each["kind"] in {"Deployment", "StatefulSet"}]


@pytest.mark.parametrize(("module", "namespace"), [(ARGO_CD, "argocd"), (ARGO_ROLLOUTS, "argo-rollouts")])
def test_argos_own_pods_may_run_under_the_standard_of_their_namespace(module, namespace):
    assert LEVELS[namespace] == "restricted"
    text = kustomized(module_folder(module) / "manifests/cluster-install")
    found = list(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    for pod in pod_specs(found):
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            context = {**pod.get("securityContext", {}), **container.get("securityContext", {})}
            assert context["runAsNonRoot"] is True, container["name"]
            assert context["allowPrivilegeEscalation"] is False, container["name"]
            assert context["capabilities"]["drop"] == ["ALL"], container["name"]
            assert context["seccompProfile"]["type"] == "RuntimeDefault", container["name"]


def test_elasticsearch_is_read_from_a_chart_that_exists(rendered):
    for name in ("eck-operator", "elasticsearch"):
        application = of_kind(rendered, "Application").get(name)
        if application:
            assert (module_folder(ECK) / application["spec"]["source"]["path"] / "Chart.yaml").exists()


def test_secrets_are_named_as_manifests_name_them():
    text = "".join(path.read_text() for path in (ROOT / "manifests").rglob("*.yaml"))
    assert [each.name for each in REFERENCES if each.name not in text] == []


def test_no_stack_holds_a_secret(stack, rendered):
    assert not of_kind(rendered, "Secret")
    external = of_kind(rendered, "ExternalSecret")
    assert set(external) == (set() if stack == "development" else {each.name for each in REFERENCES})


def test_a_namespace_label_set_warns_at_the_level_it_enforces():
    assert pod_security("restricted")["pod-security.kubernetes.io/warn"] == "restricted"


def test_the_command_prints_yaml_that_reads_back_the_same():
    command = [sys.executable, "-m", "infra.bootstrap.render", "production"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    assert list(yaml.safe_load_all(done.stdout)) == objects(recorded("production"))


def test_the_command_names_a_stack_that_is_not_there():
    command = [sys.executable, "-m", "infra.bootstrap.render", "moon"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr.strip()) == (2, "there is no Pulumi.moon.yaml")
