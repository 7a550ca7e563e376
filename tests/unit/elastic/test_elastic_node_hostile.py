"""What somebody else left in the build folder or the temporary one ends, empties and overwrites nothing."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec
import pytest

from support.fake_machine import FakeMachine, make_jdk
from turnout.elastic import node
from turnout.elastic.node import docker, jvm, server
from turnout.elastic.node.machine import Completed, silent
from turnout.elastic.node.requirements import Jdk
from turnout.elastic.node.server import Node, Wanted
from turnout.errors import EnvironmentProblem


@pytest.fixture
def machine() -> FakeMachine:
    """With a Docker engine in which everything runs."""
    found = FakeMachine()
    found.programs["docker"] = "docker"
    found.answers = {"docker inspect": Completed(0, "true\n"), "docker": Completed(0, "")}
    return found


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "elasticsearch"
    folder.mkdir()
    return folder


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    path = tmp_path / "precious"
    path.write_text("precious")
    return path


def record(base: Path, container: str) -> None:
    found = Node(url="http://127.0.0.1:1", version="9.4.3", how="docker", container=container)
    (base / "node.json").write_bytes(msgspec.json.encode(found))


@pytest.mark.parametrize("container", ["production-database", "--all", ""])
def test_a_forged_record_stops_no_other_container(
    machine: FakeMachine, base: Path, tmp_path: Path, container: str
) -> None:
    record(base, container)
    assert node.stop(tmp_path, env={}, machine=machine) is None
    assert not [line for line in machine.ran if line.startswith(("docker stop", "docker rm", "docker kill"))]


def test_our_own_container_is_stopped(machine: FakeMachine, base: Path, tmp_path: Path) -> None:
    record(base, docker.container_name(base / "node"))
    assert node.stop(tmp_path, env={}, machine=machine) is not None
    assert [line for line in machine.ran if line.startswith("docker stop")]


def test_a_lock_that_is_a_link_is_refused_and_its_target_kept(base: Path, tmp_path: Path, precious: Path) -> None:
    (base / "lock").symlink_to(precious)
    with pytest.raises(EnvironmentProblem, match="lock"):
        node.stop(tmp_path, env={}, machine=FakeMachine())
    assert precious.read_text() == "precious"


@pytest.mark.parametrize("name", ["config/elasticsearch.yml", "config/jvm.options", "start.log"])
def test_nothing_is_written_through_links_in_the_nodes_folder(tmp_path: Path, precious: Path, name: str) -> None:
    wanted = Wanted(home=tmp_path / "node", port=0, heap="512m")
    (wanted.home / name).parent.mkdir(parents=True)
    (wanted.home / name).symlink_to(precious)
    java = Jdk(home=make_jdk(tmp_path / "jdk", "25"), feature=25)
    with pytest.raises((EnvironmentProblem, OSError)):
        jvm.start(FakeMachine(), wanted, distribution=tmp_path, jdk=java, tell=silent)
    assert precious.read_text() == "precious"
    assert not (wanted.home / name).is_symlink()


def test_a_folder_of_the_node_that_is_a_link_is_refused(tmp_path: Path) -> None:
    wanted = Wanted(home=tmp_path / "node", port=0, heap="512m")
    wanted.home.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (wanted.home / "config").symlink_to(tmp_path / "elsewhere")
    java = Jdk(home=make_jdk(tmp_path / "jdk", "25"), feature=25)
    with pytest.raises(EnvironmentProblem, match="a link"):
        jvm.start(FakeMachine(), wanted, distribution=tmp_path, jdk=java, tell=silent)
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("planted", ["dangling", "link", "file"])
def test_what_is_planted_in_the_temporary_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: str
) -> None:
    monkeypatch.setattr(server, "_reachable_by_all", lambda folder: False)
    monkeypatch.setattr(server.tempfile, "gettempdir", lambda: str(tmp_path))
    machine = FakeMachine()
    monkeypatch.setattr(machine, "is_root", lambda: True)
    build = tmp_path / "build"
    place = tmp_path / f"turnout-{hashlib.sha256(os.fsencode(build)).hexdigest()[:12]}"
    match planted:
        case "dangling":
            place.symlink_to(tmp_path / "nowhere")
        case "link":
            place.symlink_to(tmp_path)
        case _:
            place.write_text("")
    with pytest.raises(EnvironmentProblem, match="belongs to somebody else"):
        server.base_folder(machine, build, silent)
