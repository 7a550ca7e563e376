"""What Argo CD is pointed at: rendered, valid for the pinned version, and with the rules that a rollout depends on."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from support.crds import crd_errors
from support.go_modules import ROOT, rendered

ARGOCD = ROOT / "argocd"


def documents(folder: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(rendered(folder)) if document]


@pytest.fixture(scope="module")
def by_kind() -> dict[str, dict[str, Any]]:
    return {document["kind"]: document for document in documents(ARGOCD)}


@pytest.fixture(scope="module")
def project(by_kind) -> dict[str, Any]:
    return by_kind["AppProject"]["spec"]


@pytest.fixture(scope="module")
def applications(by_kind) -> list[dict[str, Any]]:
    """The Applications that the ApplicationSet makes: every {{.name}} of the template from an element of the list."""
    template = by_kind["ApplicationSet"]["spec"]["template"]
    return [_filled(template, element) for element in _elements(by_kind)]


def _elements(by_kind) -> list[dict[str, str]]:
    (generator,) = by_kind["ApplicationSet"]["spec"]["generators"]
    return generator["list"]["elements"]


def _filled(part: Any, element: dict[str, str]) -> Any:
    if isinstance(part, dict):
        return {key: _filled(value, element) for key, value in part.items()}
    if isinstance(part, list):
        return [_filled(value, element) for value in part]
    if isinstance(part, str):
        for name, value in element.items():
            part = part.replace("{{." + name + "}}", value)
        assert "{{" not in part, f"{part}: no element of the list has this field"
    return part


def _strings(part: Any) -> list[str]:
    if isinstance(part, dict):
        return [text for value in part.values() for text in _strings(value)]
    if isinstance(part, list):
        return [text for value in part for text in _strings(value)]
    return [part] if isinstance(part, str) else []


def test_the_folder_holds_one_project_and_one_application_set(by_kind):
    assert [document["kind"] for document in documents(ARGOCD)] == ["AppProject", "ApplicationSet"]
    assert {document["metadata"]["namespace"] for document in by_kind.values()} == {"argocd"}


def test_everything_is_valid_for_the_pinned_argo_cd(by_kind, applications):
    for document in by_kind.values():
        assert crd_errors(document) == []
    for application in applications:
        application = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", **application}
        assert crd_errors(application) == []


def test_a_misspelt_field_is_found(by_kind):
    wrong = {**by_kind["AppProject"], "spec": {**by_kind["AppProject"]["spec"], "sourceRepo": []}}
    assert len(crd_errors(wrong)) == 1


def test_the_project_has_no_wildcard(project):
    assert [text for text in _strings(project) if "*" in text or text.startswith("!")] == []


def test_of_what_is_cluster_wide_only_our_namespace_is_allowed(project):
    assert project["clusterResourceWhitelist"] == [{"group": "", "kind": "Namespace", "name": "turnout"}]


def test_the_repository_is_named_once(project, applications):
    (repository,) = project["sourceRepos"]
    assert {application["spec"]["source"]["repoURL"] for application in applications} == {repository}
    text = "".join(path.read_text() for path in ARGOCD.glob("*.yaml"))
    assert text.count(repository) == 1


def test_the_project_allows_exactly_the_clusters_of_the_list(by_kind, project, applications):
    wanted = [{"name": element["cluster"], "namespace": "turnout"} for element in _elements(by_kind)]
    assert project["destinations"] == wanted
    assert [application["spec"]["destination"] for application in applications] == wanted


def test_each_cluster_has_an_application_of_its_own(applications):
    names = [application["metadata"]["name"] for application in applications]
    assert names == ["turnout-staging-1", "turnout-production-1"]


def test_staging_follows_main_and_production_its_own_branch(applications):
    revisions = {a["spec"]["source"]["path"]: a["spec"]["source"]["targetRevision"] for a in applications}
    assert revisions == {"manifests/overlays/staging": "main", "manifests/overlays/production": "production"}


def test_nothing_switches_self_healing_off(by_kind, applications):
    assert "strategy" not in by_kind["ApplicationSet"]["spec"], "RollingSync switches automated sync off"
    for application in applications:
        assert application["spec"]["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True}


def test_a_retry_takes_the_newest_commit_so_a_revert_waits_half_a_minute_at_most(applications):
    for application in applications:
        retry = application["spec"]["syncPolicy"]["retry"]
        assert retry["refresh"] is True
        assert retry["limit"] > 0, "with 0 a commit that failed once, for any reason, is never tried again"
        assert retry["backoff"]["maxDuration"] == "30s"


def test_a_sync_writes_nothing_that_rollouts_or_the_autoscaler_wrote(applications):
    for application in applications:
        options = application["spec"]["syncPolicy"]["syncOptions"]
        assert "ServerSideApply=true" in options
        assert "ApplyOutOfSyncOnly=true" in options
        assert not [option for option in options if option.startswith(("RespectIgnoreDifferences", "Replace", "Force"))]
        ignored = {i["kind"]: set(i["jsonPointers"]) for i in application["spec"]["ignoreDifferences"]}
        assert "/spec/replicas" in ignored["Rollout"]
        assert "/spec/selector/rollouts-pod-template-hash" in ignored["Service"]
        assert ignored["HTTPRoute"] == {f"/spec/rules/0/backendRefs/{number}/weight" for number in (0, 1)}


def test_nothing_waits_for_health_during_a_sync(applications):
    for application in applications:
        assert "PruneLast=true" not in application["spec"]["syncPolicy"]["syncOptions"]


def test_taking_a_cluster_out_of_the_list_leaves_its_search_running(by_kind):
    assert by_kind["ApplicationSet"]["spec"]["syncPolicy"]["preserveResourcesOnDeletion"] is True
    assert "finalizers" not in by_kind["ApplicationSet"]["spec"]["template"]["metadata"]


def test_the_fields_that_a_fork_patches_are_where_the_readme_says(tmp_path):
    patches = ARGOCD / "README.md"
    block = patches.read_text().split("```yaml\n")[1].split("```")[0]
    folder = tmp_path / "fork"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(block.replace("../argocd", str(_linked(tmp_path))))
    rendered_text = rendered(folder)
    assert "example-org" not in rendered_text
    assert "staging-1" not in rendered_text
    assert rendered_text.count("https://git.example/me/search.git") == 2
    assert rendered_text.count("in-cluster") == 2


def _linked(folder: Path) -> Path:
    """A copy beside the fork: kustomize takes relative folders only."""
    copy = folder / "argocd"
    copy.mkdir()
    for path in ARGOCD.glob("*.yaml"):
        (copy / path.name).write_text(path.read_text())
    return Path("../argocd")
