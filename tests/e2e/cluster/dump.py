"""Writes down all that explains a failure: objects, events, logs of pods and programs. `Cluster.dump` calls it.

It must work when the cluster is half dead, so what can't be had is a line in the dump and never an error. Secrets are
listed by name only.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

_KINDS = (
    *("nodes", "namespaces", "pods", "services", "endpointslices", "configmaps", "persistentvolumeclaims"),
    *("deployments", "replicasets", "jobs", "podtemplates", "horizontalpodautoscalers", "poddisruptionbudgets"),
    *("networkpolicies", "serviceaccounts", "roles", "rolebindings", "leases", "rollouts", "analysisruns"),
    *("analysistemplates", "clusteranalysistemplates", "experiments", "applications", "applicationsets"),
    "appprojects",
)
_TAIL_BYTES = 512 * 1024


def write_dump(folder: Path, kubectl: Callable[..., str], logs: Iterable[Path], pod_logs: Path) -> None:
    """Fill `folder`.

    `kubectl` takes arguments and returns the output, whatever the exit status, within seconds. `logs` are the
    programs' logs, `pod_logs` the kubelet's folder of them, which can be read without an API server.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_tails(folder / "programs", {path.name: path for path in logs})
    _write_tails(folder / "pods", {_pod_log_name(path, pod_logs): path for path in sorted(pod_logs.rglob("*.log"))})
    events = kubectl("get", "events", "--all-namespaces", "--sort-by=.lastTimestamp", "-o", "wide")
    (folder / "events.txt").write_text(events)
    overview = ("get", "pods,replicasets,rollouts,analysisruns,jobs,applications,services", "-A", "-o", "wide")
    (folder / "overview.txt").write_text(kubectl(*overview))
    (folder / "secrets.txt").write_text(kubectl("get", "secrets", "--all-namespaces"))
    (folder / "objects").mkdir(exist_ok=True)
    for kind in _KINDS:
        text = kubectl("get", kind, "--all-namespaces", "-o", "yaml")
        (folder / "objects" / f"{kind}.yaml").write_text(text)
    (folder / "rollouts.txt").write_text("\n".join(_rollouts(kubectl)))


def _rollouts(kubectl: Callable[..., str]) -> list[str]:
    """What a person on call would look at first."""
    answer = kubectl("get", "rollouts", "--all-namespaces", "-o", "json")
    try:
        found = [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in json.loads(answer)["items"]]
    except ValueError:
        return [answer]
    return [
        kubectl("argo", "rollouts", "get", "rollout", name, "--namespace", space, "--no-color") for space, name in found
    ]


def _pod_log_name(path: Path, pod_logs: Path) -> str:
    """`NAMESPACE_POD_UID/CONTAINER/3.log` as one name; the highest number is the last start, the others came before."""
    return "_".join(path.relative_to(pod_logs).parts)


def _write_tails(folder: Path, logs: dict[str, Path]) -> None:
    folder.mkdir(exist_ok=True)
    for name, path in logs.items():
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            (folder / name).write_bytes(log.read())
