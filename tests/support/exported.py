"""Every metric that turnout's processes export, found by running what makes them; and whether each one is used.

`unaccounted` and `unknown` are for tests and the exercise. A metric is used if a dashboard, a rule or an analysis asks
for it, or if `manifests/components/monitoring/unshown.yaml` says why nobody does.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import yaml
from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from support import alerts
from support.embedding_endpoint import EmbeddingEndpoint, hosted_release
from support.go_modules import ROOT
from turnout.cli import ledger
from turnout.cli.view_metrics import FollowerMetrics
from turnout.controller.board import Board
from turnout.controller.reconcile import Counts
from turnout.dashboards.every import EVERY
from turnout.release.artifacts import Release
from turnout.retrieval.metrics import Metrics

UNSHOWN = ROOT / "manifests/components/monitoring/unshown.yaml"
ANALYSES = ROOT / "manifests/analysis"
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
_PROMQL_WORDS = frozenset({"and", "or", "unless", "bool", "offset", "atan2", "inf", "nan"})
_STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")
_LABELS_OF = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)")
_NAME = re.compile(r"(?<![\w:.$])[a-zA-Z_:][\w:]*(?!\w)(?!\s*\()")
_AROUND = ("up", "ALERTS", "ALERTS_FOR_STATE")
"""What Prometheus makes itself."""


def exported() -> dict[str, frozenset[str]]:
    """By family the names of its series, such as `x_bucket`, `x_count` and `x_sum`."""
    found = {}
    for family in _families():
        suffixes = _SUFFIXES[family.type]
        found[family.name] = frozenset(family.name + suffix for suffix in suffixes)
    return found


def _families() -> Iterator[Metric]:
    for registry in (_service(), _controller()):
        yield from registry.collect()
    for text in (_views(), _ledger()):
        yield from text_string_to_metric_families(text)


def _hosted() -> Release:
    """A model that is paid for, so that what it costs is told."""
    return hosted_release(EmbeddingEndpoint(url="http://127.0.0.1:9"))


def _service() -> CollectorRegistry:
    return Metrics(_hosted(), pod_template_hash="abc").registry


def _controller() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    Counts(registry)
    registry.register(Board(lambda: True))
    return registry


def _views() -> str:
    release = _hosted()
    with FollowerMetrics(release, "v", host="127.0.0.1", port=0) as metrics:
        return generate_latest(metrics.registry).decode()


def _ledger() -> str:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = int(listening.getsockname()[1])
    with ledger._metrics("toys", 0, "127.0.0.1", port):
        return httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text


def named(promql: str) -> frozenset[str]:
    """The metrics that an expression asks for. Grafana's variables are no names."""
    bare = _LABELS_OF.sub(" ", _STRING.sub('""', promql))
    by_matcher = re.findall(r"__name__\s*=~?\s*\"([^\"]*)\"", promql)
    bare = re.sub(r"\{[^{}]*\}|\[[^\[\]]*\]", " ", bare)
    names = {name for name in _NAME.findall(bare) if name.lower() not in _PROMQL_WORDS}
    return frozenset(names.union(*(each.split("|") for each in by_matcher)))


def asked() -> Iterator[tuple[str, str]]:
    """Everything that is asked of Prometheus: where it stands, and the PromQL."""
    for board in EVERY:
        for panel in board.panels:
            for query in panel.queries:
                yield f"dashboard {board.name}, {panel.title}", query.promql
        for mark in board.marks:
            yield f"dashboard {board.name}, {mark.title}", mark.promql
    for where, promql in alerts.expressions():
        yield f"rule {where}", promql
    for path in sorted(ANALYSES.glob("*.yaml")):
        for each in yaml.safe_load_all(path.read_text()):
            for where, promql in _analysed(each or {}):
                yield f"{path.name}, {where}", promql


def _analysed(template: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if template.get("kind") != "AnalysisTemplate":
        return
    for metric in template["spec"]["metrics"]:
        promql = metric["provider"].get("prometheus", {}).get("query", "")
        yield metric["name"], re.sub(r"\{\{args\.\w+\}\}", "1", promql)


def unshown() -> dict[str, str]:
    """By family why nobody asks for it."""
    return dict(yaml.safe_load(UNSHOWN.read_text()))


def unaccounted() -> list[str]:
    """Exported metrics that nothing asks for and no exception names; and exceptions that aren't needed."""
    used = frozenset().union(*(named(promql) for _, promql in asked()))
    excused = unshown()
    idle = {family for family, names in exported().items() if not names & used}
    return sorted(idle - excused.keys()) + sorted(f"{name} (an exception)" for name in excused.keys() - idle)


def unknown() -> list[str]:
    """Where a metric is asked for that nobody exports and no rule records."""
    known = frozenset().union(*exported().values()) | alerts.recorded() | frozenset(_AROUND)
    return sorted(f"{where}: {name}" for where, promql in asked() for name in named(promql) - known)
