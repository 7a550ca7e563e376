"""The rules of `manifests/components/monitoring/rules` and the promtool tests of them, read for tests and the exercise.

What has a test is computed from the test files: an alert fires in one group of tests, is over later in it, and stays
silent in another one.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from support.go_modules import ROOT
from support.prometheus import BUILD, binaries

RULES = ROOT / "manifests/components/monitoring/rules"
TESTS = ROOT / "tests/monitoring"
_ALERTNAME = re.compile(r'alertname="(\w+)"')
_HEADING = re.compile(r"^## (\w+)\s*$", re.MULTILINE)


class Alert(NamedTuple):
    """One alert. `file` is the name of its file, `wait` its `for`, empty without one."""

    name: str
    file: str
    expression: str
    wait: str
    labels: dict[str, str]
    annotations: dict[str, str]


class Cases(NamedTuple):
    """Which cases of an alert the tests hold."""

    fires: bool
    silent: bool
    resolves: bool


def alerts() -> tuple[Alert, ...]:
    """All alerts, by file."""
    return tuple(
        Alert(
            name=rule["alert"],
            file=file,
            expression=rule["expr"],
            wait=rule.get("for", ""),
            labels=rule.get("labels", {}),
            annotations=rule.get("annotations", {}),
        )
        for file, rule in _rules()
        if "alert" in rule
    )


def recorded() -> frozenset[str]:
    """The names that rules record."""
    return frozenset(rule["record"] for _, rule in _rules() if "record" in rule)


def expressions() -> Iterator[tuple[str, str]]:
    """Each rule's expression: where it is (`slo.yaml SearchErrorBudgetBurn`) and the PromQL."""
    for file, rule in _rules():
        yield f"{file} {rule.get('alert') or rule['record']}", rule["expr"]


def specs() -> dict[str, dict[str, Any]]:
    """The rules as Prometheus reads them, by the name of their file."""
    return {path.name: yaml.safe_load(path.read_text())["spec"] for path in sorted(RULES.glob("*.yaml"))}


def plain(folder: Path) -> list[Path]:
    """Write the rules as Prometheus reads them into a folder, and give the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, spec in specs().items():
        written.append(folder / name)
        written[-1].write_text(yaml.safe_dump(spec, sort_keys=False))
    return written


def promtool(test: Path, folder: Path) -> str:
    """Run a test file over the rules, with `folder` for both; what promtool says if it fails, else nothing."""
    plain(folder / "rules")
    copy = folder / test.name
    copy.write_text(test.read_text())
    command = [str(binaries(BUILD).promtool), "test", "rules", str(copy)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else ""


def cases() -> dict[str, Cases]:
    """By alert what the test files hold of it."""
    found: dict[str, Cases] = {}
    for group in _groups():
        for name, told in _told(group).items():
            first = next((place for place, fires in enumerate(told) if fires), None)
            known = found.get(name, Cases(fires=False, silent=False, resolves=False))
            found[name] = Cases(
                fires=known.fires or first is not None,
                silent=known.silent or first is None,
                resolves=known.resolves or (first is not None and not all(told[first:])),
            )
    return found


def without_tests() -> list[str]:
    """The alerts that lack one of the three cases: fires, doesn't fire, is over."""
    held = cases()
    return [each.name for each in alerts() if not all(held.get(each.name, (False,)))]


def without_runbook(runbook: Path) -> list[str]:
    """The alerts that have no heading in the runbook, or whose link doesn't lead there."""
    headings = set(_HEADING.findall(runbook.read_text())) if runbook.exists() else set()
    return [each.name for each in alerts() if each.name not in headings or not _links(each)]


def _links(alert: Alert) -> bool:
    return alert.annotations.get("runbook_url", "").endswith(f"/RUNBOOK.md#{alert.name.lower()}")


def _rules() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, spec in specs().items():
        for group in spec["groups"]:
            yield from ((name, rule) for rule in group["rules"])


def _groups() -> Iterator[dict[str, Any]]:
    for path in sorted(TESTS.glob("*.yaml")):
        yield from yaml.safe_load(path.read_text())["tests"]


def _told(group: dict[str, Any]) -> dict[str, list[bool]]:
    """By alert whether it fires, at the times that a group of tests looks at, in their order."""
    looks: dict[str, list[tuple[int, bool]]] = {}
    for test in group.get("promql_expr_test", ()):
        for name in _ALERTNAME.findall(test["expr"]):
            looks.setdefault(name, []).append((_minutes(test["eval_time"]), bool(test.get("exp_samples"))))
    return {name: [fires for _, fires in sorted(each)] for name, each in looks.items()}


def _minutes(time: str) -> int:
    parts = re.findall(r"(\d+)([dhm])", time)
    return sum(int(number) * {"d": 1440, "h": 60, "m": 1}[unit] for number, unit in parts)
