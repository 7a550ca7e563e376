"""The rules in a real Prometheus, on what services and the controller's board really export: two collections, pods of
two revisions with one release, two replicas that both say that they lead, a pod without a pod template hash.

It shows what promtool's made-up series can't: that no rule meets two series where it expects one, and that the texts of
alerts can be filled in.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import generate_latest

from support.alerts import plain
from support.loopback import listening
from support.prometheus import BUILD, Running
from support.releases import make_release
from turnout.retrieval.metrics import Metrics

BOARD = """
turnout_controller_leader 1
turnout_controller_problem{collection="toys",problem="aborted"} 1
turnout_controller_problem{collection="toys",problem="alias-moved"} 1
turnout_alias_at_stable{collection="toys"} 1
turnout_controller_frozen{collection="toys"} 0
turnout_view_behind_operations{collection="toys",view="toys-v1"} 3
turnout_release_state{collection="toys",release="r-1",rollouts_pod_template_hash="abc",state="building"} 0
"""
WAIT_S = 30.0


class Pods:
    """Search pods and controllers on one address: each path is a target of its own."""

    def __init__(self) -> None:
        toys, wiki = make_release(), make_release("wiki")
        found = {
            "stable": Metrics(toys, pod_template_hash="abc"),
            "same-release": Metrics(toys, pod_template_hash="def"),
            "by-hand": Metrics(wiki),
        }
        for metrics in found.values():
            metrics.ready.set(1)
        self.metrics = found

    def text(self, path: str) -> str:
        """What a target exports; each scrape counts more searches and failures."""
        if path.startswith("controller"):
            return BOARD
        metrics = self.metrics[path]
        for status in (200, 200, 503):
            metrics.request("POST", "/search", status, 0.3)
        metrics.degraded("elasticsearch_unavailable")
        return generate_latest(metrics.registry).decode()


def config(folder: Path, address: str, targets: list[str]) -> str:
    """prometheus.yml: every rule each second, every target each second."""
    rules = plain(folder / "rules")
    for path in rules:
        path.write_text(
            path.read_text().replace("interval: 1m", "interval: 1s").replace("interval: 5m", "interval: 1s")
        )
    jobs = "".join(
        f"  - {{job_name: {name}, metrics_path: /{name}, static_configs: [{{targets: ['{address}']}}]}}\n"
        for name in targets
    )
    return f"global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nrule_files: [rules/*.yaml]\nscrape_configs:\n{jobs}"


def rules_of(url: str) -> list[dict[str, Any]]:
    groups = httpx.get(f"{url}/api/v1/rules").json()["data"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts_of(url: str) -> list[dict[str, Any]]:
    alerts: list[dict[str, Any]] = httpx.get(f"{url}/api/v1/alerts").json()["data"]["alerts"]
    return alerts


def samples(url: str, query: str) -> dict[str, float]:
    found = httpx.get(f"{url}/api/v1/query", params={"query": query}).json()["data"]["result"]
    return {each["metric"]["collection"]: float(each["value"][1]) for each in found}


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Running]:
    pods = Pods()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pods.text(self.path.strip("/")).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with listening(Handler) as url:
        targets = [*pods.metrics, "controller-a", "controller-b"]
        text = config(tmp_path, url.removeprefix("http://"), targets)
        with Running(tmp_path, build=BUILD, config=text) as running:
            yield running


def test_every_rule_evaluates_on_what_is_really_exported(prometheus: Running, tmp_path: Path) -> None:
    until = time.monotonic() + WAIT_S
    expected = {"AliasMovedByHand", "RolloutAborted", "SearchErrorBudgetBurn"}
    while time.monotonic() < until and not expected <= {
        each["labels"]["alertname"] for each in alerts_of(prometheus.url)
    }:
        time.sleep(0.5)
    alerts = alerts_of(prometheus.url)
    assert expected <= {each["labels"]["alertname"] for each in alerts}
    rules = rules_of(prometheus.url)
    assert len(rules) > 60
    assert {rule["name"]: rule["lastError"] for rule in rules if rule["health"] != "ok"} == {}
    assert "WARN" not in (said := (tmp_path / "prometheus.log").read_text()).upper(), said[-2000:]
    # Two of three searches fail or come from memory; the default promise is 99.5 %.
    burn = 'slo:search_burn:ratio5m{slo="availability"}'
    assert samples(prometheus.url, burn) == pytest.approx({"toys": 2 / 3 / 0.005, "wiki": 2 / 3 / 0.005})
    for each in alerts:
        told = " ".join(each["annotations"].values())
        assert "<error" not in told, each
        assert "<no value>" not in told, each
