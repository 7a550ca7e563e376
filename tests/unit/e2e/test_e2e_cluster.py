"""The parts of the end-to-end cluster that need no cluster: cache keys, configuration, order of starting, claims."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.cluster import config
from e2e.cluster.claim import Claim
from e2e.cluster.cleanup import note_places
from e2e.cluster.discovery import targets
from e2e.cluster.layout import HOST, PORTS, TOOLS, Layout
from e2e.cluster.pki import kubeconfig
from e2e.cluster.processes import Processes
from e2e.cluster.programs import programs
from e2e.cluster.steps import Step, run_steps
from e2e.cluster.tools import Module, cache_key
from support.debian import source_lines
from support.go_modules import ARGO_CD, ARGO_ROLLOUTS
from turnout.errors import Refused

GO = "go1.26.8 linux amd64"
PACKAGES = """\
'http://mirror.test/r/runc_1.1.5%2bds1_amd64.deb' runc_1.1.5+ds1_amd64.deb 2709960 SHA256:aa
'http://mirror.test/n/nginx_1.22.1_amd64.deb' nginx_1.22.1_amd64.deb 532468 SHA256:bb
"""


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    module = tmp_path / "tools" / "etcd"
    module.mkdir(parents=True)
    for name in ("go.mod", "go.sum", "main.go"):
        (module / name).write_text(name)
    return module.parent


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "build")


@pytest.mark.parametrize("name", ["go.mod", "go.sum", "main.go"])
def test_a_change_of_what_a_program_is_built_from_builds_it_again(tools: Path, name: str) -> None:
    before = cache_key(Module("etcd", "."), GO, tools)
    (tools / "etcd" / name).write_text("changed")
    assert cache_key(Module("etcd", "."), GO, tools) != before


def test_another_compiler_or_stamp_builds_a_program_again(tools: Path) -> None:
    keys = {
        cache_key(Module("etcd", "."), GO, tools),
        cache_key(Module("etcd", "."), "go1.27.0 linux amd64", tools),
        cache_key(Module("etcd", ".", stamp="-X a=b"), GO, tools),
        cache_key(Module("etcd", "tool"), GO, tools),
    }
    assert len(keys) == 4


def test_a_program_is_not_built_again_when_nothing_changed(tools: Path) -> None:
    before = cache_key(Module("etcd", "."), GO, tools)
    os.utime(tools / "etcd" / "main.go", (1, 1))
    (tools / "etcd" / "README.md").write_text("notes")
    assert cache_key(Module("etcd", "."), GO, tools) == before


def test_packages_are_fetched_again_for_another_version_and_not_for_another_mirror() -> None:
    key = source_lines(PACKAGES)
    assert source_lines(PACKAGES.replace("mirror.test", "other.test")) == key
    assert source_lines("\n".join(reversed(PACKAGES.splitlines()))) == key
    assert source_lines(PACKAGES.replace("nginx_1.22.1_amd64.deb 5", "nginx_1.22.2_amd64.deb 5")) != key


def test_the_container_runtime_keeps_everything_below_the_run_folder(layout: Layout) -> None:
    runtime = tomllib.loads(config.containerd(layout))
    cri = runtime["plugins"]["io.containerd.grpc.v1.cri"]
    run = f"{layout.run}/"
    assert runtime["root"].startswith(run)
    assert runtime["state"].startswith(run)
    assert runtime["grpc"]["address"].startswith(run)
    assert cri["netns_mounts_under_state_dir"] is True


def test_a_folder_with_a_quote_in_its_name_is_still_valid_configuration(tmp_path: Path) -> None:
    layout = Layout(tmp_path / 'a "quoted" folder')
    assert tomllib.loads(config.containerd(layout))["root"] == str(layout.run / "containerd" / "root")


def test_pods_get_addresses_that_are_not_the_hosts(layout: Layout) -> None:
    plugin = json.loads(config.container_network(layout))["plugins"][0]
    (addresses,) = plugin["ipam"]["ranges"][0]
    assert addresses["gateway"] == HOST
    assert addresses["rangeStart"] != HOST


def test_prometheus_keeps_the_labels_that_a_metric_carries_itself(layout: Layout) -> None:
    prometheus = yaml.safe_load(config.prometheus(layout))
    assert prometheus["scrape_configs"][0]["honor_labels"] is True
    assert prometheus["global"]["scrape_interval"] == "2s"


def test_the_kubeconfig_names_the_api_servers_port() -> None:
    cluster: Any = kubeconfig(Path("ca.crt"), "token")["clusters"]
    assert cluster[0]["cluster"]["server"].endswith(f":{PORTS['kube-apiserver']}")


def test_no_two_programs_share_a_name_or_a_port(layout: Layout) -> None:
    names = [program.name for program in programs(layout)]
    assert len(set(names)) == len(names)
    assert len(set(PORTS.values())) == len(PORTS)


def pod(**changes: Any) -> dict[str, Any]:
    notes = {"prometheus.io/scrape": "true", "prometheus.io/port": "8080", **changes.pop("annotations", {})}
    meta = {"name": "web-1", "namespace": "turnout", "annotations": notes, **changes.pop("metadata", {})}
    return {"metadata": meta, "status": {"phase": "Running", "podIP": "10.44.1.2", **changes}}


def test_a_running_pod_that_asks_for_it_is_scraped_under_its_collection() -> None:
    found = targets([pod(metadata={"labels": {"turnout.dev/collection": "articles"}})])
    labels = {"namespace": "turnout", "pod": "web-1", "collection": "articles"}
    assert found == [{"targets": ["10.44.1.2:8080"], "labels": labels}]


@pytest.mark.parametrize(
    "other",
    [
        pod(phase="Pending"),
        pod(podIP=None),
        pod(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
        pod(annotations={"prometheus.io/scrape": "false"}),
        pod(annotations={"prometheus.io/port": ""}),
        {"metadata": {"name": "bare", "namespace": "turnout"}},
    ],
)
def test_a_pod_that_is_not_there_or_did_not_ask_is_not_scraped(other: dict[str, Any]) -> None:
    assert targets([other]) == []


def test_a_step_runs_after_all_that_it_needs() -> None:
    done: list[str] = []
    steps = [Step("c", ("b", "a"), lambda: done.append("c")), Step("b", ("a",), lambda: done.append("b"))]
    run_steps([*steps, Step("a", (), lambda: done.append("a"))], give_up=lambda: None)
    assert done == ["a", "b", "c"]


def test_a_step_that_fails_stops_the_start_and_those_that_need_it_do_not_run() -> None:
    done: list[str] = []

    def fail() -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        run_steps(
            [Step("a", (), fail), Step("b", ("a",), lambda: done.append("b"))], give_up=lambda: done.append("gave up")
        )
    assert done == ["gave up"]


@pytest.mark.parametrize("needs", [("a",), ("unknown",)])
def test_steps_that_can_never_run_are_refused(needs: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="can't be ordered"):
        run_steps([Step("a", needs, lambda: None)], give_up=lambda: None)


def test_only_one_process_has_the_machines_cluster(tmp_path: Path) -> None:
    first, second = Claim(tmp_path / "claim"), Claim(tmp_path / "claim")
    first.take()
    with pytest.raises(Refused, match="only end-to-end cluster"):
        second.take()
    first.release()
    second.take()


def test_a_claim_says_where_a_killed_run_left_its_state(tmp_path: Path) -> None:
    claim = Claim(tmp_path / "claim")
    claim.take()
    claim.note(tmp_path / "run", kept=False)
    claim.release()
    later = Claim(tmp_path / "claim")
    later.take()
    assert later.run_folder() == tmp_path / "run"
    assert later.kept is False
    later.forget()
    assert later.run_folder() is None


def test_a_process_that_got_the_number_of_ours_is_not_ours(tmp_path: Path) -> None:
    records = tmp_path / "pid"
    records.mkdir()
    (records / "etcd.json").write_text(json.dumps({"pid": os.getpid(), "started": 1, "argv": ["etcd"], "env": {}}))
    processes = Processes(tmp_path, "/bin")
    assert processes.pid("etcd") is None
    processes.kill("etcd")  # we are still here


def test_places_of_another_kubelet_are_not_noted_for_removal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    theirs.mkdir()
    monkeypatch.setattr("e2e.cluster.cleanup._PLACES", (str(theirs), str(ours)))
    note_places(tmp_path / "run")
    assert json.loads((tmp_path / "run" / "made.json").read_text()) == [str(ours)]


@pytest.mark.parametrize(("tool", "module"), [("kubernetes", ARGO_ROLLOUTS), ("argocd", ARGO_CD)])
def test_definitions_are_of_the_version_that_the_program_is_built_from(tool: str, module: str) -> None:
    assert module.replace("@", " ") in (TOOLS / tool / "go.mod").read_text()
