"""What can only be asked of the real API server and the real Rollouts controller."""

from __future__ import annotations

import copy
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import yaml

from e2e import expect
from e2e.kube import ROLLOUTS, group
from e2e.overlay import JUDGE_ADDRESS
from e2e.stories.story import Figures, Story
from e2e.waiting import until_told
from e2e.world import World
from support.crds import FOLDERS
from support.go_modules import module_folder

TRAPS_NAMESPACE = "traps"
OVERLAYS = ("ephemeral", "staging", "production")
STACKS = ("development", "staging", "production")
_CRD_KIND = re.compile(r"^    kind: (\w+)$", re.MULTILINE)


def traps(world: World) -> Figures:
    """Every AnalysisRun of the list at once; each must end as the list says."""
    listed = yaml.safe_load((world.source / "tests" / "manifests" / "traps.yaml").read_text())["traps"]
    world.cluster.kubectl("create", "namespace", TRAPS_NAMESPACE)
    try:
        ended = _ended(world, listed)
    finally:
        world.cluster.kubectl("delete", "namespace", TRAPS_NAMESPACE, "--wait=false")
    wrong = {each["name"]: ended[each["name"]] for each in listed if ended[each["name"]] != each["ends"]}
    assert not wrong, f"other phases than in traps.yaml: {wrong}"
    return {"analysis_runs": len(listed)}


def _ended(world: World, listed: list[dict[str, Any]]) -> dict[str, str]:
    """The phase of each trap when its time is over."""
    began = time.monotonic()
    for trap in listed:
        world.kube.post(group(ROLLOUTS, "analysisruns", namespace=TRAPS_NAMESPACE), _run(world, trap))
    moments = [(each["terminate_after"], "terminate", each["name"]) for each in listed if "terminate_after" in each]
    moments += [(each["seconds"], "look", each["name"]) for each in listed]
    ended: dict[str, str] = {}
    for after, what, name in sorted(moments):
        time.sleep(max(0.0, began + after - time.monotonic()))
        path = group(ROLLOUTS, "analysisruns", name, namespace=TRAPS_NAMESPACE)
        if what == "terminate":
            world.kube.patch(path, {"spec": {"terminate": True}})
        else:
            found = world.kube.get(path) or {}
            ended[name] = str(found.get("status", {}).get("phase", ""))
    return ended


def _run(world: World, trap: dict[str, Any]) -> dict[str, Any]:
    spec = copy.deepcopy(trap["spec"])
    for metric in spec["metrics"]:
        for provider in metric.get("provider", {}).values():
            for key in {"address", "url"} & provider.keys():
                address = provider[key].replace("ADDRESS", world.cluster.prometheus)
                provider[key] = address.replace("JUDGE", f"http://{JUDGE_ADDRESS}:8081")
    return {"apiVersion": ROLLOUTS, "kind": "AnalysisRun", "metadata": {"name": trap["name"]}, "spec": spec}


def dry_run(world: World) -> Figures:
    """Strict: a field that the server doesn't know is an error."""
    rendered = {f"manifests/overlays/{name}": _kustomized(world, f"manifests/overlays/{name}") for name in OVERLAYS}
    rendered["argocd"] = _kustomized(world, "argocd")
    rendered |= {f"infra {stack}": _stack(world.source, stack) for stack in STACKS}
    _know(world, rendered)
    made = _namespaces(world, rendered)
    try:
        figures = {name: _asked(world, name, objects) for name, objects in rendered.items()}
    finally:
        for namespace in made:
            world.cluster.kubectl("delete", "namespace", namespace, "--wait=false", check=False)
    return {"objects": figures}


def _kustomized(world: World, folder: str) -> list[dict[str, Any]]:
    text = world.cluster.kubectl("kustomize", str(world.source / folder))
    return [each for each in yaml.safe_load_all(text) if each]


def _stack(source: Path, stack: str) -> list[dict[str, Any]]:
    command = [str(source / ".venv-infra" / "bin" / "python"), "-m", "infra.bootstrap.render", stack]
    done = subprocess.run(command, cwd=source, check=True, capture_output=True, text=True)
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def _know(world: World, rendered: dict[str, list[dict[str, Any]]]) -> None:
    """Give the API server the definitions of foreign kinds that it lacks, as what infra/ installs would."""
    kinds = {str(each["kind"]) for objects in rendered.values() for each in objects}
    known = set(world.cluster.kubectl("api-resources", "--no-headers").split())
    files = []
    for module, folder, pattern in FOLDERS:
        for path in sorted((module_folder(module) / folder).glob(pattern)):
            named = _CRD_KIND.search(path.read_text())
            if named and named[1] in kinds - known:
                files += ["-f", str(path)]
    if files:
        world.cluster.kubectl("apply", "--server-side", *files)
        world.cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *files)


def _namespaces(world: World, rendered: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Make the namespaces that objects want to be in: a dry run can't. Those that were made."""
    wanted = {str(each["metadata"].get("namespace", "")) for objects in rendered.values() for each in objects}
    there = set(world.cluster.kubectl("get", "namespaces", "-o", "name").replace("namespace/", "").split())
    missing = sorted(wanted - there - {""})
    for namespace in missing:
        world.cluster.kubectl("create", "namespace", namespace)
    return missing


def _asked(world: World, name: str, objects: list[dict[str, Any]]) -> int:
    """Apply without applying; how many objects the server would take."""
    asked = ("apply", "--server-side", "--force-conflicts", "--field-manager=e2e", "--dry-run=server")
    said = world.cluster.kubectl(*asked, "--validate=strict", "-f", "-", stdin=yaml.safe_dump_all(objects), check=False)
    taken = said.count("serverside-applied (server dry run)")
    assert taken == len(objects), f"{name}: {taken} of {len(objects)} objects: {said[-1500:]}"
    return taken


def told_alike(world: World) -> Figures:
    """`turnout status` and the Rollout, side by side."""
    seen = expect.look(world)
    stable = seen.set_of(seen.stable)
    assert stable is not None
    release_id = world.mounted.release_id(stable.config_map)
    (view,) = world.reader.alias_targets(world.names.alias)

    def lacks() -> str:
        text = world.status()
        missing = [word for word in (release_id, view, seen.phase) if word not in text]
        return f"turnout status lacks {missing}:\n{text}" if missing else ""

    until_told("turnout status tells it", lacks, seconds=20, poll=2.0)
    folder = world.folder / "status"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "turnout-status.txt").write_text(world.status())
    shown = world.cluster.kubectl("argo", "rollouts", "get", "rollout", "search-python-docs", "-n", "turnout")
    (folder / "argo-rollouts.txt").write_text(shown)
    assert "Healthy" in shown
    return {"release": release_id, "view": view}


TRAPS = Story(
    "analysis-traps",
    "the list of ways in which an analysis says something else than it seems to",
    "each is run by the real Rollouts controller",
    "it ends in the phase that the list says",
    traps,
)
DRY_RUN = Story(
    "server-side-dry-run",
    "every overlay, argocd/ and each stack of infra/, rendered",
    "the API server is asked whether it would take them, strictly",
    "it would",
    dry_run,
)
STATUS = Story(
    "status-tells-the-same",
    "a release under load",
    "on-call asks turnout status and kubectl argo rollouts",
    "both tell the same release, view and phase",
    told_alike,
)
