"""The example policies say what may start, as a real API server understands them."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from support.api_server import ApiServer, api_server, is_built
from support.crds import crd_errors
from support.go_modules import ROOT

FOLDER = ROOT / "manifests/examples/admission"
DIGEST = "@sha256:" + "0123456789abcdef" * 4
GOOD = f"registry.example/turnout{DIGEST}"
OTHERS = [
    ("a tag", "registry.example/turnout:1.0"),
    ("a tag beside the digest", f"registry.example/turnout:1.0{DIGEST}"),
    ("another registry", f"registry.elsewhere/turnout{DIGEST}"),
    ("another repository with the same beginning", f"registry.example/turnout-evil{DIGEST}"),
    ("half a digest", GOOD[:-1]),
]


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def pod(**spec: Any) -> str:
    container = {"name": "c", "image": GOOD}
    metadata = {"name": "tried", "namespace": "turnout"}
    return json.dumps(
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container], **spec}}
    )


def test_the_policy_of_digests_is_valid_to_the_field() -> None:
    for each in documents("digests.yaml"):
        kubernetes_validate.validate(each, "1.34", strict=True)


def test_the_policy_of_signatures_fits_the_crd_and_means_the_same_image_and_this_workflow() -> None:
    [policy] = documents("signatures.yaml")
    assert crd_errors(policy) == []
    repositories = documents("digests.yaml")[-1]["data"]["repositories"].split()
    assert [each["glob"] for each in policy["spec"]["images"]] == [f"{repositories[0]}@sha256:*"]
    [identity] = policy["spec"]["authorities"][0]["keyless"]["identities"]
    workflow = "https://github.com/example-org/turnout/.github/workflows/image.yaml@refs"
    assert (ROOT / ".github/workflows/image.yaml").exists()
    for signed, meant in (("heads/main", True), ("tags/v1.2.0", True), ("heads/other", False), ("pull/1/merge", False)):
        assert bool(re.search(identity["subjectRegExp"], f"{workflow}/{signed}")) is meant


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    if not is_built():
        pytest.skip("no API server: `make e2e` builds it")
    with api_server(tmp_path_factory.mktemp("api")) as server:
        assert server.kubectl("create", "namespace", "turnout").returncode == 0
        file: Path = FOLDER / "digests.yaml"
        applied = server.kubectl("apply", "--server-side", "--validate=strict", "-f", str(file))
        assert applied.returncode == 0, applied.stderr
        end = time.monotonic() + 30
        while not tried(server, pod(containers=[{"name": "c", "image": "busybox"}])).returncode:
            assert time.monotonic() < end, "the policy isn't enforced"
            time.sleep(0.5)
        yield server


def tried(server: ApiServer, given: str) -> subprocess.CompletedProcess[str]:
    return server.kubectl("create", "--dry-run=server", "-f", "-", given=given)


def test_a_digest_of_an_allowed_repository_may_start_also_beside_an_init_container_and_a_volume(
    server: ApiServer,
) -> None:
    volume = {"name": "models", "image": {"reference": f"registry.example/turnout-models{DIGEST}"}}
    done = tried(server, pod(initContainers=[{"name": "i", "image": GOOD}], volumes=[volume]))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("image", [image for _, image in OTHERS], ids=[name for name, _ in OTHERS])
@pytest.mark.parametrize("place", ["containers", "initContainers", "volumes"])
def test_any_other_image_is_refused_by_name_wherever_it_stands(server: ApiServer, image: str, place: str) -> None:
    if place == "volumes":
        done = tried(server, pod(volumes=[{"name": "v", "image": {"reference": image}}]))
    else:
        done = tried(server, pod(**{place: [{"name": "x", "image": image}]}))
    assert done.returncode != 0
    assert "not an allowed repository with a digest (ConfigMap turnout-images)" in done.stderr
    assert image in done.stderr


def test_without_the_list_nothing_starts_and_other_namespaces_are_left_alone(server: ApiServer) -> None:
    elsewhere = pod(containers=[{"name": "c", "image": "busybox"}]).replace('"turnout"', '"default"')
    assert tried(server, elsewhere).returncode == 0
    server.kubectl("-n", "turnout", "delete", "configmap", "turnout-images")
    end = time.monotonic() + 30
    while not (done := tried(server, pod())).returncode:
        assert time.monotonic() < end
        time.sleep(0.5)
    assert "no params found" in done.stderr
