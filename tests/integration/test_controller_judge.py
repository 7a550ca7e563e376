"""`turnout controller` as a program judges what a real Prometheus has counted: at /judge and in its record."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from support import past_trials
from support.fake_cluster import FakeApi, analysis_run, release_map, replica_set, rollout, served, write_kubeconfig
from support.past_trials import Pods, openmetrics
from support.prometheus import BUILD, Running, backfill
from support.releases import make_release
from turnout.canary.judgment import Judgment
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import RolloutRecord
from turnout.errors import Unavailable

A, B = (make_release(pipeline={"chunk": {"size": size}}) for size in (64, 48))
MINUTE = 60
with socket.socket() as _found:
    _found.bind(("127.0.0.1", 0))
    PORT = _found.getsockname()[1]
BACKGROUND = {"currentBackgroundAnalysisRunStatus": {"name": "search-toys-bbb-2", "status": "Running"}}


@pytest.fixture
def prometheus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """Stable for half an hour; the canary for the last ten minutes, in which 20 % of its searches fail."""
    monkeypatch.setattr(past_trials, "START", int(time.time()) - 30 * MINUTE)
    history = openmetrics(
        Pods("aaa", 0, 30 * MINUTE, release=A.id),
        Pods("bbb", 20 * MINUTE, 30 * MINUTE, release=B.id, pods=1, rate=5, errors=0.2),
    )
    backfill(history, tmp_path / "prometheus" / "data", build=BUILD)
    with Running(tmp_path / "prometheus", build=BUILD) as running:
        yield running


@pytest.fixture
def api() -> FakeApi:
    """B is on trial against A since ten minutes ago."""
    api = FakeApi()
    for name, release in (("release-a", A), ("release-b", B)):
        api.put("configmaps", release_map(name, release))
    api.put("replicasets", replica_set("aaa", 1, "release-a", ready=2))
    api.put("replicasets", replica_set("bbb", 2, "release-b", ready=1))
    api.put("rollouts", rollout("aaa", "bbb", "release-b", canary=BACKGROUND))
    again(api, minutes_ago=10)
    return api


def again(api: FakeApi, *, minutes_ago: float) -> None:
    """Let the trial have begun then."""
    began = datetime.fromtimestamp(time.time() - minutes_ago * MINUTE, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    api.put("analysisruns", analysis_run("search-toys-bbb-2", "bbb", at=began))


@pytest.fixture
def controller(
    api: FakeApi, prometheus: Running, elastic_url: str, prefix: str, tmp_path: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with served(api) as url:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("TURNOUT_", "KUBE"))}
        env = {
            "KUBECONFIG": str(write_kubeconfig(tmp_path, url)),
            "TURNOUT_ELASTICSEARCH_URL": elastic_url,
            "TURNOUT_INDEX_PREFIX": prefix,
            "TURNOUT_CONTROLLER_PERIOD_S": "0.5",
            "TURNOUT_PROMETHEUS_URL": prometheus.url,
        }
        command = [sys.executable, "-m", "turnout", "controller", "--host", "127.0.0.1", "--port", str(PORT)]
        process = subprocess.Popen(command, env=kept | env)
        yield process
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def asked(query: str) -> dict[str, Any]:
    """What /judge answers, once the program listens."""
    until = time.monotonic() + 30
    while True:
        url = f"http://127.0.0.1:{PORT}/judge?{query}"
        with suppress(OSError), urllib.request.urlopen(url, timeout=20) as answer:
            assert answer.status == 200
            said: dict[str, Any] = json.loads(answer.read())
            return said
        assert time.monotonic() < until
        time.sleep(0.1)


def told(reader: Reader, names: Names) -> Judgment:
    """The judgment in the leader's record."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with suppress(Unavailable):  # an index that is being made
            for record in reader.states(names, RolloutRecord):
                if record.judgment is not None and record.judgment.evidence:
                    return record.judgment
        time.sleep(0.1)
    raise TimeoutError


@pytest.mark.usefixtures("controller")
def test_a_failing_canary_is_judged_by_what_prometheus_counted_and_is_inconclusive_without_it(
    prometheus: Running, api: FakeApi, reader: Reader, prefix: str
) -> None:
    said = asked("canary=bbb&stable=aaa")
    assert (said["verdict"], said["windows"] >= 18) == ("fail", True), said["reason"]
    errors = next(each for each in said["evidence"] if each["metric"] == "errors")
    assert errors["harm"] >= errors["harm_needed"]
    assert said["reason"].startswith("errors: ")
    assert told(reader, Names("toys", prefix=prefix)).verdict == "fail"
    assert "no canary pods with the hash ccc" in asked("canary=ccc&stable=aaa")["reason"]
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=5) as answer:
        metrics = answer.read().decode()
    assert 'rollouts_pod_template_hash="bbb",verdict="fail"} 1.0' in metrics
    prometheus.stop()
    again(api, minutes_ago=9)
    said = asked("canary=bbb&stable=aaa")
    assert (said["verdict"], said["windows"]) == ("inconclusive", 0)
    assert prometheus.url.rpartition(":")[2] in said["reason"] or "reached" in said["reason"], said["reason"]
