"""kube-score over all that Kubernetes is given: every overlay, with every optional component, and the pods that the
controller makes of its pattern. Called by the tests of manifests/ and by the exercise.

kube-score knows neither Rollouts nor PodTemplates. A Rollout is shown to it as a Deployment with the same pods, and
the pattern of the workers as the Job and the Deployment that the controller makes of it.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from support.go_modules import ROOT, rendered

VERSION = "v1.20.0"
KUBERNETES = "v1.34"
WAIVERS = ROOT / "tests/manifests/waivers.yaml"
PASSED = 10
"""kube-score's grade of a check that found nothing."""

Object = dict[str, Any]
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Finding(NamedTuple):
    """What kube-score says about one object, in one rendering."""

    rendering: str
    kind: str
    name: str
    check: str
    says: str

    def __str__(self) -> str:
        return f"{self.rendering}: {self.kind}/{self.name}: {self.check}: {self.says}"


class Waiver(NamedTuple):
    """A finding that stays, and why. `object` is `Kind/name`; there and in `rendering` `*` stands for anything."""

    check: str
    object: str
    reason: str
    rendering: str = "*"

    def covers(self, finding: Finding) -> bool:
        """Whether the finding is one of those."""
        of = fnmatchcase(f"{finding.kind}/{finding.name}", self.object)
        return self.check == finding.check and of and fnmatchcase(finding.rendering, self.rendering)


def findings() -> list[str]:
    """What is wrong: findings that nobody waived, and waivers that cover no finding. Empty if all is well."""
    given, found = waivers(), all_findings()
    return [
        *(str(each) for each in found if not any(waiver.covers(each) for waiver in given)),
        *(
            f"{WAIVERS.name}: {waiver.check} of {waiver.object} covers no finding any more: remove it"
            for waiver in given
            if not any(waiver.covers(each) for each in found)
        ),
    ]


def waivers() -> list[Waiver]:
    """The waivers of the file, each with a reason."""
    listed = [Waiver(**each) for each in yaml.safe_load(WAIVERS.read_text())]
    assert all(each.reason.strip() for each in listed)
    return listed


@cache
def all_findings() -> tuple[Finding, ...]:
    """Everything that kube-score finds, waived or not."""
    return tuple(each for name, text in renderings() for each in found_in(name, text))


def renderings() -> Iterator[tuple[str, str]]:
    """Name and text of what Argo CD may be given: each overlay, and production with the optional components."""
    for folder in sorted((ROOT / "manifests/overlays").iterdir()):
        yield folder.name, rendered(folder)
    with tempfile.TemporaryDirectory() as place:
        for copied in ("manifests", "pipelines"):
            shutil.copytree(ROOT / copied, Path(place) / copied)
        overlay = Path(place) / "manifests/overlays/production/kustomization.yaml"
        added = "components:\n  - ../../components/elasticsearch-ca\n"
        overlay.write_text(overlay.read_text().replace("components:\n", added))
        collection = Path(place) / "manifests/collections/python-docs/kustomization.yaml"
        collection.write_text(
            collection.read_text() + "components: [../../components/gateway-api, ../../components/ledger]\n"
        )
        yield "production with components", rendered(overlay.parent)


def found_in(rendering: str, text: str) -> list[Finding]:
    """What kube-score finds in one rendering."""
    objects = [shown for each in yaml.load_all(text, Loader=LOADER) for shown in _shown(each)]
    command = [str(kube_score()), "score", "--kubernetes-version", KUBERNETES, "-o", "json", "-"]
    given = yaml.safe_dump_all(objects)
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"kube-score: {done.stderr}")
    # null: a list of objects without any.
    return sorted({each for scored in json.loads(done.stdout) or () for each in _findings(rendering, scored)})


def _findings(rendering: str, scored: Object) -> Iterator[Finding]:
    kind, name = scored["type_meta"]["kind"], scored["object_meta"]["name"]
    for check in scored["checks"]:
        if check["skipped"] or check["grade"] >= PASSED:
            continue
        for comment in check["comments"] or [{"path": "", "summary": ""}]:
            says = " ".join(filter(None, [comment["path"] and f"({comment['path']})", comment["summary"]]))
            yield Finding(rendering, kind, name, check["check"]["id"], says or check["check"]["name"])


def _shown(each: Object) -> list[Object]:
    """An object as kube-score can read it."""
    each = copy.deepcopy(each)
    spec = each.get("spec", {})
    match each["kind"]:
        case "Rollout":
            kept = {key: spec[key] for key in ("selector", "template")}
            return [each | {"apiVersion": "apps/v1", "kind": "Deployment", "spec": kept}]
        case "HorizontalPodAutoscaler":
            spec["scaleTargetRef"] = spec["scaleTargetRef"] | {"apiVersion": "apps/v1", "kind": "Deployment"}
        case "PodTemplate":
            return list(_made_of(each))
    return [each]


def _made_of(pattern: Object) -> Iterator[Object]:
    for api, kind, component in (("batch/v1", "Job", "fill"), ("apps/v1", "Deployment", "follow")):
        labels = {"app.kubernetes.io/part-of": "turnout", "app.kubernetes.io/component": component}
        template = copy.deepcopy(pattern["template"])
        template.setdefault("metadata", {})["labels"] = labels
        spec: Object = {"template": template}
        if kind == "Deployment":
            spec |= {"replicas": 1, "selector": {"matchLabels": labels}}
        metadata = {"name": component, "namespace": pattern["metadata"]["namespace"], "labels": labels}
        yield {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec}


@cache
def kube_score() -> Path:
    """The linter, built by Go the first time (a minute); Go checks the sum of its source."""
    program = ROOT / f"build/bin/kube-score-{VERSION}"
    if not program.exists():
        with tempfile.TemporaryDirectory(dir=_folder(program.parent)) as place:
            module = f"github.com/zegl/kube-score/cmd/kube-score@{VERSION}"
            env = os.environ | {"GOBIN": place}
            subprocess.run(["go", "install", module], check=True, env=env, cwd=place)
            (Path(place) / "kube-score").rename(program)
    return program


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
