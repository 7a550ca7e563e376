"""The example policies are valid and mean the same images. What they refuse: the story `only-digests-start`."""

from __future__ import annotations

import re
from typing import Any

import kubernetes_validate
import yaml

from support.crds import crd_errors
from support.go_modules import ROOT

FOLDER = ROOT / "manifests/examples/admission"


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


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
