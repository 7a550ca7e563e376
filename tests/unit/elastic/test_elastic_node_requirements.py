"""Each missing part of a local node is named, with the command that helps."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.fake_machine import GIB, FakeMachine, make_jdk
from turnout.elastic.node.machine import Completed
from turnout.elastic.node.requirements import check_room, docker_answers, find_jdk, find_maven, heap_bytes
from turnout.errors import BadInput, EnvironmentProblem


def test_no_java_at_all_names_what_to_install() -> None:
    with pytest.raises(EnvironmentProblem, match="no Java at all") as raised:
        find_jdk(FakeMachine())
    assert "apt-get install openjdk-21-jdk" in raised.value.remedy


def test_java_that_is_too_old_is_named_with_its_version(tmp_path: Path) -> None:
    machine = FakeMachine()
    machine.jdks = [make_jdk(tmp_path / "seventeen", "17.0.15")]
    with pytest.raises(EnvironmentProblem, match="seventeen is Java 17"):
        find_jdk(machine)


def test_a_runtime_without_a_compiler_is_no_full_jdk(tmp_path: Path) -> None:
    machine = FakeMachine()
    machine.jdks = [make_jdk(tmp_path / "jre", "21", full=False)]
    with pytest.raises(EnvironmentProblem, match="no full JDK"):
        find_jdk(machine)


def test_java_home_comes_before_a_newer_jdk_elsewhere(tmp_path: Path) -> None:
    chosen = make_jdk(tmp_path / "chosen", "21.0.4")
    machine = FakeMachine({"JAVA_HOME": str(chosen)})
    machine.jdks = [make_jdk(tmp_path / "newer", "25.0.3")]
    assert find_jdk(machine).home == chosen


def test_a_java_home_that_is_too_old_falls_back_to_the_newest_jdk(tmp_path: Path) -> None:
    machine = FakeMachine({"JAVA_HOME": str(make_jdk(tmp_path / "old", "17"))})
    machine.jdks = [make_jdk(tmp_path / "a", "21"), make_jdk(tmp_path / "b", "25")]
    assert find_jdk(machine).feature == 25


def test_an_explicit_es_java_home_that_is_unfit_is_never_passed_over(tmp_path: Path) -> None:
    machine = FakeMachine({"ES_JAVA_HOME": str(make_jdk(tmp_path / "old", "17"))})
    machine.jdks = [make_jdk(tmp_path / "good", "25")]
    with pytest.raises(EnvironmentProblem, match="old is Java 17") as raised:
        find_jdk(machine)
    assert raised.value.where == "ES_JAVA_HOME"


def test_java_on_the_path_is_found_through_its_links(tmp_path: Path) -> None:
    home = make_jdk(tmp_path / "jdk", "24")
    (tmp_path / "java").symlink_to(home / "bin" / "java")
    machine = FakeMachine()
    machine.programs["java"] = str(tmp_path / "java")
    assert find_jdk(machine).home == home


def test_a_jdk_without_a_release_file_is_asked(tmp_path: Path) -> None:
    home = make_jdk(tmp_path / "jdk", "25")
    (home / "release").unlink()
    machine = FakeMachine()
    machine.jdks = [home]
    machine.answers[f"{home}/bin/java"] = Completed(0, "    java.specification.version = 22\n")
    assert find_jdk(machine).feature == 22


def test_missing_maven_is_named_with_its_command() -> None:
    with pytest.raises(EnvironmentProblem) as raised:
        find_maven(FakeMachine())
    assert "apt-get install maven" in raised.value.remedy


def test_a_docker_client_without_an_engine_doesnt_count() -> None:
    machine = FakeMachine()
    assert not docker_answers(machine)
    machine.programs["docker"] = "/usr/bin/docker"
    assert not docker_answers(machine)
    machine.answers["docker info"] = Completed(0, "28.0")
    assert docker_answers(machine)


def test_too_little_memory_says_how_to_ask_for_less(tmp_path: Path) -> None:
    machine = FakeMachine()
    machine.memory = int(1.9 * GIB)
    with pytest.raises(EnvironmentProblem, match=r"1\.9 GiB available.*needs 2\.0 GiB") as raised:
        check_room(machine, tmp_path, "1g")
    assert "--heap 512m" in raised.value.remedy
    check_room(machine, tmp_path, "512m")


def test_unknown_memory_stops_nothing(tmp_path: Path) -> None:
    machine = FakeMachine()
    machine.memory = None
    check_room(machine, tmp_path, "1g")


def test_too_little_disk_is_named_with_the_folder(tmp_path: Path) -> None:
    machine = FakeMachine()
    machine.disk = GIB
    with pytest.raises(EnvironmentProblem, match=r"disk is short: 1\.0 GiB") as raised:
        check_room(machine, tmp_path, "1g")
    assert raised.value.where == str(tmp_path)


@pytest.mark.parametrize("heap", ["", "1", "1gb", "0g", "-1g", "128m", "1.5g", "g"])
def test_a_heap_that_is_no_size_is_bad_input(heap: str) -> None:
    with pytest.raises(BadInput):
        heap_bytes(heap)


def test_heap_units() -> None:
    assert heap_bytes("512m") * 2 == heap_bytes("1G") == GIB
