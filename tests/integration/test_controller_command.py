"""`turnout controller` as a program: what it says it would do, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from support.fake_cluster import FakeApi, release_map, replica_set, rollout, served, write_kubeconfig
from support.releases import make_release
from turnout.cli.main import main
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import RolloutRecord
from turnout.errors import Unavailable

RELEASE = make_release()


@pytest.fixture
def api() -> FakeApi:
    """A first rollout, before anything was built for it."""
    api = FakeApi()
    api.put("configmaps", release_map("release-a", RELEASE))
    api.put("replicasets", replica_set("aaa", 1, "release-a"))
    api.put("rollouts", rollout("aaa", "aaa", "release-a"))
    return api


@pytest.fixture
def env(api: FakeApi, elastic_url: str, prefix: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """What a person's shell has whose kubectl works."""
    with served(api) as url:
        yield {
            "KUBECONFIG": str(write_kubeconfig(tmp_path, url)),
            "TURNOUT_ELASTICSEARCH_URL": elastic_url,
            "TURNOUT_INDEX_PREFIX": prefix,
            "TURNOUT_CONTROLLER_PERIOD_S": "0.2",
            "POD_NAME": "controller-1",
        }


def program(env: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "turnout", "controller", *arguments]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("TURNOUT_", "KUBE"))}
    return subprocess.Popen(
        command, env=kept | env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )


def eventually(holds: Callable[[], bool], *, seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture
def run(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run the command in this process; its exit code and what it wrote."""
    from kubernetes.config import kube_config

    def run(*arguments: str, **changed: str) -> tuple[int, str, str]:
        for key, value in (env | changed).items():
            monkeypatch.setenv(key, value)
        # Read when it was imported.
        monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", os.environ["KUBECONFIG"])
        monkeypatch.setattr(sys, "argv", ["turnout", "controller", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return ended.value.code, *capsys.readouterr()

    return run


def test_a_dry_run_says_what_it_sees_and_would_do_and_changes_nothing(
    api: FakeApi, run: Callable[..., tuple[int, str, str]]
) -> None:
    _, text, _ = run("--dry-run")
    assert "toys: search-toys Progressing" in text
    assert f"aaa         {RELEASE.id} waiting: there is no documents index" in text
    assert "problem no-documents" in text
    code, text, _ = run("--dry-run", "--collection", "toys", "--format", "json")
    (found,) = json.loads(text)
    assert code == 1
    assert (found["collection"], found["standings"][0]["role"], found["actions"]) == ("toys", "stable", [])
    assert {method for method, _, _ in api.calls} == {"GET"}


def test_it_leads_tells_and_gives_the_lease_back_when_it_is_told_to_end(
    api: FakeApi, env: dict[str, str], reader: Reader, prefix: str
) -> None:
    names = Names("toys", prefix=prefix)
    process = program(env, "--host", "127.0.0.1", "--port", "18081")

    def told() -> bool:
        with suppress(Unavailable):  # an index that is being made
            return bool(reader.states(names, RolloutRecord))
        return False

    try:
        # Not asked for before it is there: the client waits long after each refusal.
        eventually(lambda: any(kind == "events" for kind, _ in api.objects))
        eventually(told)
        with urllib.request.urlopen("http://127.0.0.1:18081/metrics", timeout=5) as answer:
            metrics = answer.read().decode()
        assert "turnout_controller_leader 1.0" in metrics
        assert re.search(r'turnout_release_state\{.*state="waiting"\} 1\.0', metrics)
        assert api.objects["leases", "turnout-controller"]["spec"]["holderIdentity"] == "controller-1"
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert api.objects["leases", "turnout-controller"]["spec"]["holderIdentity"] == ""


def test_one_round_by_hand_is_refused_while_another_replica_leads(
    api: FakeApi, run: Callable[..., tuple[int, str, str]]
) -> None:
    spec = {"holderIdentity": "controller-2", "leaseDurationSeconds": 15}
    api.put("leases", {"metadata": {"name": "turnout-controller"}, "spec": spec})
    code, _, errors = run("--once", "--host", "127.0.0.1", "--port", "0")
    assert (code, api.written()) == (1, [])
    assert "another replica leads" in errors


@pytest.mark.parametrize(
    ("arguments", "changed", "code", "told"),
    [
        (["--dry-run", "--collection", "toy"], {}, 2, "name one of: toys"),
        (["--collection", "toys"], {}, 2, "--collection needs --dry-run"),
        ([], {"TURNOUT_CONTROLLER_DRAIN_S": "soon"}, 2, "TURNOUT_CONTROLLER_DRAIN_S"),
        (["--dry-run"], {"KUBECONFIG": "/nowhere/at/all"}, 3, "no way to a Kubernetes cluster"),
    ],
)
def test_what_cant_be_done_says_why_and_what_to_correct(
    arguments: list[str],
    changed: dict[str, str],
    code: int,
    told: str,
    run: Callable[..., tuple[int, str, str]],
) -> None:
    ended, _, errors = run(*arguments, **changed)
    assert ended == code
    assert told in errors
