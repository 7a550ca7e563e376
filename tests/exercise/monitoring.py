"""The project's own rules in the cluster's Prometheus, and an Alertmanager with the project's routing.

Called by `run`. Rules and routes are those of manifests/, with their `for`, windows and intervals as they are. Of the
routes only the receivers are exchanged: all lead to the exercise's webhook.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from e2e.cluster import Cluster
from support import alerts
from turnout.errors import EnvironmentProblem

PORT = 19093
_START_S = 30.0
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


@dataclass(frozen=True)
class Rule:
    """An alert of manifests/. `waits_s` is how long it has to be true, `interval_s` how often that is looked at."""

    name: str
    severity: str
    waits_s: float
    interval_s: float
    runbook: str


def seconds(duration: str) -> float:
    """A duration as Prometheus writes it, such as `1h30m`, in seconds."""
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdw])", duration))


def rules(found: Iterable[Mapping[str, Any]], *, default_s: float) -> Mapping[str, Rule]:
    """The alerts by name; of two rules with one name the one that may fire first.

    Args:
        default_s: Prometheus' own interval, for groups without one.
    """
    known: dict[str, Rule] = {}
    for group in (group for each in found for group in each["groups"]):
        interval = seconds(group["interval"]) if "interval" in group else default_s
        for each in (rule for rule in group["rules"] if "alert" in rule):
            runbook = str(each.get("annotations", {}).get("runbook_url", ""))
            waits = seconds(str(each.get("for", "0s")))
            severity = str(each.get("labels", {}).get("severity", ""))
            rule = Rule(each["alert"], severity, waits, interval, runbook)
            former = known.get(rule.name)
            if former is None or rule.waits_s < former.waits_s:
                known[rule.name] = rule
    return known


def install(cluster: Cluster) -> None:
    """Give the cluster's Prometheus the rules and the address of Alertmanager.

    Raises:
        EnvironmentProblem: it doesn't take them.
    """
    files = alerts.plain(cluster.layout.config / "rules")
    path = cluster.layout.config / "prometheus.yaml"
    config = yaml.safe_load(path.read_text())
    config["rule_files"] = [str(path) for path in files]
    config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{PORT}"]}]}]}
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    pid = cluster.running()["prometheus"]
    if pid is None:
        raise EnvironmentProblem("it doesn't run", where="prometheus")
    os.kill(pid, signal.SIGHUP)
    wanted = sum(len(each["groups"]) for each in alerts.specs().values())
    log = cluster.log_of("prometheus")
    _wait(lambda: len(_groups(cluster.prometheus)) == wanted, "Prometheus takes the rules", log)


def _groups(prometheus: str) -> list[Any]:
    told = httpx.get(f"{prometheus}/api/v1/rules", timeout=5.0, trust_env=False).raise_for_status().json()
    return list(told["data"]["groups"])


def routed(example: Mapping[str, Any], address: str) -> dict[str, Any]:
    """A routing with all its receivers led to one webhook; routes, waits and inhibitions stay."""
    config = {key: value for key, value in example.items() if key not in ("global", "templates")}
    webhook = [{"url": address, "send_resolved": True}]
    config["receivers"] = [{"name": each["name"], "webhook_configs": webhook} for each in example["receivers"]]
    return config


def start_alertmanager(cluster: Cluster, program: Sequence[str], config: Mapping[str, Any]) -> None:
    """Start it inside the namespace; it ends with the cluster.

    Args:
        program: what comes before its flags (`support.alertmanager.command`).

    Raises:
        EnvironmentProblem: it doesn't start.
    """
    folder = cluster.layout.run / "alertmanager"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(config), sort_keys=False))
    command = [*program, f"--config.file={folder / 'config.yaml'}", f"--storage.path={folder / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{PORT}", "--cluster.listen-address="]
    cluster.start("alertmanager", command)
    _wait(_is_ready, "Alertmanager starts", cluster.log_of("alertmanager"))


def _is_ready() -> bool:
    return httpx.get(f"http://127.0.0.1:{PORT}/-/ready", timeout=2.0, trust_env=False).status_code == 200


def _wait(look: Callable[[], bool], what: str, log: Path) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        try:
            if look():
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    said = log.read_text(errors="replace")[-1500:] if log.exists() else ""
    raise EnvironmentProblem(f"{what}: not within {_START_S:.0f} s; it said: {said}", where=str(log))
