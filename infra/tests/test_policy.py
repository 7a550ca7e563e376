"""The policy pack as the engine runs it: a program of its own, asked over gRPC. Each rule is broken once."""

import contextlib
import copy
import subprocess
import sys

import grpc
import pytest
from conftest import INFRA
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

PACK = INFRA / "policy"
APPLICATION = "kubernetes:argoproj.io/v1alpha1:Application"
PROJECT = "kubernetes:argoproj.io/v1alpha1:AppProject"
NAMESPACE = "kubernetes:core/v1:Namespace"


@contextlib.contextmanager
def running_pack():
    command = [sys.executable, "-u", str(PACK / "__main__.py"), "127.0.0.1:0", str(PACK)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel)
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def broken():
    """Asks the pack about one resource: the names of the rules that it breaks."""
    with running_pack() as pack:

        def ask(kind, inputs):
            properties = json_format.ParseDict(inputs, struct_pb2.Struct())
            urn = f"urn:pulumi:test::turnout-infra::{kind}::it"
            request = analyzer_pb2.AnalyzeRequest(type=kind, name="it", properties=properties, urn=urn)
            return {found.policyName for found in pack.Analyze(request).diagnostics}

        yield ask


def changed(good, path, value):
    """A copy with one field set; None takes it out."""
    new = copy.deepcopy(good)
    *parents, last = (part.replace("|", "/") for part in path.split("/"))
    place = new
    for name in parents:
        place = place[int(name)] if name.isdigit() else place[name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return new


GOOD_NAMESPACE = {
    "metadata": {
        "name": "it",
        "labels": {
            "pod-security.kubernetes.io/enforce": "restricted",
            "pod-security.kubernetes.io/enforce-version": "v1.34",
        },
    }
}
GOOD_APPLICATION = {
    "spec": {
        "project": "turnout-platform",
        "source": {
            "repoURL": "https://charts.example",
            "chart": "it",
            "targetRevision": "1.2.3",
            "kustomize": {"images": ["a.example/it:v1"]},
        },
        "syncPolicy": {
            "automated": {"prune": True, "selfHeal": False},
            "retry": {"limit": 5, "refresh": True},
        },
    }
}
GOOD_PROJECT = {
    "spec": {
        "sourceRepos": ["https://git.example/it.git"],
        "destinations": [{"name": "in-cluster", "namespace": "turnout"}],
        "namespaceResourceWhitelist": [{"group": "", "kind": "Service"}],
    }
}
LABELS = "metadata/labels"
CASES = [
    ("namespace-pod-security", NAMESPACE, GOOD_NAMESPACE, LABELS, {}),
    ("namespace-pod-security", NAMESPACE, GOOD_NAMESPACE, f"{LABELS}/pod-security.kubernetes.io|enforce", "privileged"),
    (
        "namespace-pod-security",
        NAMESPACE,
        GOOD_NAMESPACE,
        f"{LABELS}/pod-security.kubernetes.io|enforce-version",
        "latest",
    ),
    ("exact-version", APPLICATION, GOOD_APPLICATION, "spec/source/targetRevision", "1.*"),
    ("exact-version", APPLICATION, GOOD_APPLICATION, "spec/source/targetRevision", "^1.2.3"),
    ("exact-version", APPLICATION, GOOD_APPLICATION, "spec/source/targetRevision", "main"),
    ("exact-version", APPLICATION, GOOD_APPLICATION, "spec/source/targetRevision", None),
    ("exact-version", APPLICATION, GOOD_APPLICATION, "spec/source/kustomize/images", ["a.example:5000/it:latest"]),
    ("exact-version", APPLICATION, GOOD_APPLICATION, "spec/source/kustomize/images", ["a.example:5000/it"]),
    ("narrow-project", APPLICATION, GOOD_APPLICATION, "spec/project", "default"),
    ("narrow-project", APPLICATION, GOOD_APPLICATION, "spec/project", None),
    ("narrow-project", PROJECT, GOOD_PROJECT, "spec/sourceRepos", ["*"]),
    ("narrow-project", PROJECT, GOOD_PROJECT, "spec/destinations/0/namespace", "*"),
    ("narrow-project", PROJECT, GOOD_PROJECT, "spec/namespaceResourceWhitelist/0/kind", "*"),
    ("narrow-project", PROJECT, GOOD_PROJECT, "spec/namespaceResourceWhitelist", None),
    ("stated-sync", APPLICATION, GOOD_APPLICATION, "spec/syncPolicy/automated/prune", None),
    ("stated-sync", APPLICATION, GOOD_APPLICATION, "spec/syncPolicy/automated/selfHeal", None),
    ("stated-sync", APPLICATION, GOOD_APPLICATION, "spec/syncPolicy/retry", None),
    ("stated-sync", APPLICATION, GOOD_APPLICATION, "spec/syncPolicy/retry/limit", 0),
    ("stated-sync", APPLICATION, GOOD_APPLICATION, "spec/syncPolicy/retry/refresh", False),
]


@pytest.mark.parametrize(("rule", "kind", "good", "path", "value"), CASES, ids=lambda value: str(value)[:40])
def test_a_rule_holds_on_good_and_breaks_on_bad(broken, rule, kind, good, path, value):
    assert broken(kind, good) == set()
    assert broken(kind, changed(good, path, value)) == {rule}


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("kubernetes:helm.sh/v3:Release", {"chart": "it", "version": "1.2.3"}, {"chart": "it"}),
        ("kubernetes:helm.sh/v4:Chart", {"chart": "it", "version": "1.2.3"}, {"chart": "it", "version": ">=1"}),
        (
            "kubernetes:kustomize/v2:Directory",
            {"directory": "https://git.example/a/b/tree/v1.2.3/c"},
            {"directory": "https://git.example/a/b/tree/main/c"},
        ),
    ],
)
def test_charts_and_folders_of_others_name_one_version(broken, kind, good, bad):
    assert (broken(kind, good), broken(kind, bad)) == (set(), {"exact-version"})


def test_a_secret_is_referred_to_and_not_written_down(broken):
    kind = "kubernetes:core/v1:Secret"
    assert broken(kind, {"metadata": {"name": "it"}, "type": "Opaque"}) == set()
    for field in ("data", "stringData"):
        assert broken(kind, {"metadata": {"name": "it"}, field: {"key": "value"}}) == {"no-plain-secret"}


def test_every_stack_keeps_every_rule(broken, recorder):
    assert {name for kind, name, inputs in recorder.resources if broken(kind, inputs)} == set()
