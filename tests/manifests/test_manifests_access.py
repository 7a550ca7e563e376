"""Who may do what: tokens, roles, keys, networks, and which pods a Service or budget means."""

from __future__ import annotations

import json
import re
from itertools import product
from typing import Any

import pytest

from manifests.rendering import OVERLAYS, SEARCHES, Object, all_of, named, only, overlay, pod_template, texts
from turnout.cli.controller import LEASE
from turnout.controller.make import WORKER_PATTERN
from turnout.kube.objects import Meta
from turnout.kube.reader import Reader
from turnout.kube.writer import Writer

READ, WRITE = "turnout-elasticsearch-read", "turnout-elasticsearch-write"


def labels(name: str, component: str) -> dict[str, str]:
    """The labels of the pods of a component, the ones that the controller will make included."""
    made = {"fill", "verify", "follow"}
    if component in made:
        return {"app.kubernetes.io/part-of": "turnout", "app.kubernetes.io/component": component}
    for each in all_of(overlay(name), "Rollout", "Deployment"):
        template = pod_template(each)
        assert template is not None
        if template["metadata"]["labels"]["app.kubernetes.io/component"] == component:
            found: dict[str, str] = template["metadata"]["labels"]
            return found
    raise LookupError(component)


def selects(selector: Object, of: dict[str, str]) -> bool:
    """Whether a label selector means pods with these labels."""
    exact = selector.get("matchLabels", {}).items() <= of.items()
    operators = {"In": lambda value, values: value in values}
    return exact and all(
        operators[each["operator"]](of.get(each["key"]), each["values"])
        for each in selector.get("matchExpressions", [])
    )


@pytest.mark.parametrize("name", OVERLAYS)
def test_only_the_controller_has_a_token(name: str) -> None:
    for account in all_of(overlay(name), "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False
    tokens = {}
    for each in overlay(name):
        template = pod_template(each)
        if template:
            tokens[template["spec"]["serviceAccountName"]] = template["spec"]["automountServiceAccountToken"]
    assert tokens == {"turnout-controller": True, "turnout-search": False, "turnout-worker": False}


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_one_role_names_every_verb_and_resource(name: str) -> None:
    assert not all_of(overlay(name), "ClusterRole", "ClusterRoleBinding")
    [role] = all_of(overlay(name), "Role")
    [binding] = all_of(overlay(name), "RoleBinding")
    assert [subject["name"] for subject in binding["subjects"]] == ["turnout-controller"]
    assert binding["subjects"][0].get("namespace") == "turnout"
    for rule in role["rules"]:
        assert "*" not in json.dumps(rule)
        assert not set(rule["resources"]) & {"secrets", "pods/exec", "roles", "rolebindings", "serviceaccounts"}
        assert not set(rule["verbs"]) & {"deletecollection", "escalate", "bind", "impersonate"}
    changing = {r for rule in role["rules"] for r in rule["resources"] if set(rule["verbs"]) - {"get", "list", "watch"}}
    assert changing == {"deployments", "jobs", "configmaps", "events", "leases"}
    read = {r for rule in role["rules"] for r in rule["resources"]} - changing
    assert read == {"rollouts", "analysisruns", "replicasets", "podtemplates", "pods"}


class Asked:
    """An API that notes what it is asked for, as RBAC would: (group, resource, name, verb)."""

    def __init__(self) -> None:
        self.rights: set[tuple[str, str, str, str]] = set()

    def call(self, method: str, path: str, **_: Any) -> bytes:
        group, resource, named = re.fullmatch(r"/(?:api|apis/([^/]+))/\w+/namespaces/n/(\w+)/?(.*)", path).groups()  # type: ignore[union-attr]
        verb = {"POST": "create", "PUT": "update"}.get(method, method.lower())
        self.rights.add((group or "", resource, named, "list" if verb == "get" and not named else verb))
        if method == "PATCH":  # server-side apply makes what isn't there
            self.rights.add((group or "", resource, named, "create"))
        return b'{"items": [], "metadata": {"name": "x"}}'


def test_the_role_allows_what_the_controller_calls_and_nothing_else() -> None:
    asked, named = Asked(), {"metadata": {"name": "turnout-controller"}}
    reader, writer = Reader(asked, "n"), Writer(asked, "n")
    for ask in (reader.rollouts, reader.replica_sets, reader.analysis_runs):
        ask()
    for ask_of in (reader.jobs, reader.deployments, reader.release_maps, reader.config_map):
        ask_of("x")
    reader.pod_template(WORKER_PATTERN), reader.lease(LEASE), reader.pods("x", "y")
    for write in (writer.create_job, writer.create_config_map, writer.put_deployment, writer.create_event):
        write(named)
    writer.create_lease(named), writer.replace_lease(named)
    writer.delete_job("x"), writer.delete_deployment("x"), writer.delete_config_map(Meta(name="x"))
    public = [method for each in (Reader, Writer) for method in vars(each) if not method.startswith("_")]
    assert len(public) == 19, "a method that isn't called above may need another right"
    [role] = all_of(overlay("production"), "Role")
    for rule in role["rules"]:
        for right in product(rule["apiGroups"], rule["resources"], rule["verbs"]):
            asks = {each for each in asked.rights if (each[0], each[1], each[3]) == right}
            assert asks, f"nobody asks for {right}"
            if "resourceNames" not in rule or {each[2] for each in asks} <= set(rule["resourceNames"]):
                asked.rights -= asks
    assert asked.rights == set()


@pytest.mark.parametrize("name", OVERLAYS)
def test_pods_that_face_users_never_see_the_key_that_writes(name: str) -> None:
    keys = {}
    for each in overlay(name):
        if template := pod_template(each):
            mentioned = set(texts(template))
            keys[template["spec"]["serviceAccountName"]] = mentioned & {READ, WRITE, "turnout-git"}
    assert keys == {
        "turnout-search": {READ},
        "turnout-worker": {READ, WRITE},
        "turnout-controller": {READ, WRITE, "turnout-git"},
    }


@pytest.mark.parametrize("name", OVERLAYS)
def test_nothing_secret_is_in_git(name: str) -> None:
    assert not all_of(overlay(name), "Secret")
    for each in overlay(name):
        for container in (pod_template(each) or {"spec": {"containers": []}})["spec"]["containers"]:
            for variable in container.get("env", []):
                if any(word in variable["name"] for word in ("KEY", "TOKEN", "PASSWORD", "SECRET")):
                    by_reference = "secretKeyRef" in variable.get("valueFrom", {})
                    assert by_reference or variable["name"].endswith("_FILE"), named(each)
    for each in all_of(overlay(name), "ConfigMap"):
        assert not [key for key in each["data"] if "KEY" in key or "TOKEN" in key]


@pytest.mark.parametrize("name", SEARCHES)
def test_services_and_budgets_mean_their_own_pods_only(name: str) -> None:
    search, controller = labels(name, "search"), labels(name, "controller")
    rollout = only(overlay(name), "Rollout")
    other = search | {"turnout.dev/collection": "other"}
    services = {each["metadata"]["name"]: each for each in all_of(overlay(name), "Service")}
    judge = {"matchLabels": services.pop("turnout-controller")["spec"]["selector"]}
    assert [selects(judge, of) for of in (search, controller, other)] == [False, True, False]
    assert len(services) == 3
    for each in services.values():
        selector = {"matchLabels": each["spec"]["selector"]}
        assert [selects(selector, of) for of in (search, controller, other)] == [True, False, False], named(each)
        assert each["spec"]["ports"][0]["targetPort"] == "http"
    budgets = {
        each["metadata"]["name"]: each["spec"]["selector"] for each in all_of(overlay(name), "PodDisruptionBudget")
    }
    mine = budgets[rollout["metadata"]["name"]]
    assert [selects(mine, of) for of in (search, controller, other)] == [True, False, False]
    assert [selects(budgets["turnout-controller"], of) for of in (search, controller)] == [False, True]
    assert selects(rollout["spec"]["selector"], search)
    assert not selects(rollout["spec"]["selector"], other)
    scaled = [each["spec"]["scaleTargetRef"] for each in all_of(overlay(name), "HorizontalPodAutoscaler")]
    assert {(to["kind"], to["name"]) for to in scaled} <= {("Rollout", rollout["metadata"]["name"])}
    assert bool(scaled) != ("replicas" in rollout["spec"]), "somebody has to say how many pods there are, and only one"


@pytest.mark.parametrize("name", OVERLAYS)
def test_no_pod_talks_to_anyone_unless_a_policy_says_so(name: str) -> None:
    policies = all_of(overlay(name), "NetworkPolicy")
    deny = only(overlay(name), "NetworkPolicy", "default-deny")["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}

    def ports(component: str, way: str) -> set[int]:
        of = labels(name, component)
        rules = [r for p in policies if selects(p["spec"]["podSelector"], of) for r in p["spec"].get(way, [])]
        assert all(rule.get("ports") and (rule.get("to") or rule.get("from")) for rule in rules)
        return {port["port"] for rule in rules for port in rule["ports"]}

    assert ports("search", "egress") == {53, 9200, 8080}
    assert ports("search", "ingress") >= {8080}
    assert ports("controller", "egress") == {53, 9200, 443, 6443, 8080, 9090}
    assert {8081} <= ports("controller", "ingress")
    for worker in ("fill", "verify", "follow"):
        assert ports(worker, "egress") == {53, 9200}
    assert ports("verify", "ingress") == set()
    assert ports("fill", "ingress") == ports("follow", "ingress") >= {8082}


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_namespace_refuses_pods_that_are_not_restricted(name: str) -> None:
    assert only(overlay(name), "Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for each in overlay(name):
        assert each["metadata"].get("namespace", "turnout" if each["kind"] == "Namespace" else None) == "turnout"
