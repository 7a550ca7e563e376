"""Is everything there that a local node needs? Each missing part is an error that names the command to install it.

Called by `shared` and `own` before anything is downloaded or started.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from turnout.elastic.node.machine import Machine
from turnout.errors import BadInput, EnvironmentProblem

VERSION = "9.4.3"
JAVA_AT_LEAST = 21

_GIB = 1024**3
_MEMORY_BESIDE_HEAP = _GIB  # off-heap buffers, metaspace, threads, and the page cache that Lucene lives on
_DISK_AT_LEAST = 2 * _GIB
_UNITS = {"m": 1024**2, "g": _GIB}
_INSTALL_JDK = f"apt-get install openjdk-{JAVA_AT_LEAST}-jdk, or a Temurin JDK of {JAVA_AT_LEAST} or newer"


@dataclass(frozen=True)
class Jdk:
    """A JDK that Elasticsearch can run on."""

    home: Path
    feature: int


def heap_bytes(heap: str) -> int:
    """The size of a heap written as the JVM takes it (`512m`, `1g`).

    Raises:
        BadInput: not a number with the unit m or g, or less than 256m.
    """
    match = re.fullmatch(r"([1-9]\d{0,6})([mg])", heap.lower())
    size = int(match[1]) * _UNITS[match[2]] if match else 0
    if size < 256 * _UNITS["m"]:
        raise BadInput(f"heap {heap!r} is not a size of at least 256m", remedy="write it as 512m or 1g")
    return size


def check_room(machine: Machine, folder: Path, heap: str) -> None:
    """Refuse to start a node that would starve the machine.

    Raises:
        EnvironmentProblem: less memory than the heap and 1 GiB, or less than 2 GiB of disk.
    """
    needed = heap_bytes(heap) + _MEMORY_BESIDE_HEAP
    available = machine.available_memory()
    if available is not None and available < needed:
        raise EnvironmentProblem(
            f"memory is short: {available / _GIB:.1f} GiB available, Elasticsearch with a heap of {heap} needs "
            f"{needed / _GIB:.1f} GiB",
            remedy="end other programs, or ask for less with `turnout elastic start --heap 512m`",
        )
    free = machine.free_disk(folder)
    if free < _DISK_AT_LEAST:
        raise EnvironmentProblem(
            f"disk is short: {free / _GIB:.1f} GiB free, Elasticsearch needs {_DISK_AT_LEAST / _GIB:.0f} GiB",
            where=str(folder),
            remedy="free some, or set TURNOUT_BUILD to a folder on a larger disk",
        )


def docker_answers(machine: Machine) -> bool:
    """Whether there is a Docker client with an engine behind it."""
    if machine.which("docker") is None:
        return False
    return machine.run(["docker", "info", "--format", "{{.ServerVersion}}"], timeout_s=20).code == 0


def find_jdk(machine: Machine) -> Jdk:
    """The JDK to run on: ES_JAVA_HOME, else JAVA_HOME, the usual folders (newest first) and PATH.

    Raises:
        EnvironmentProblem: ES_JAVA_HOME is set and unfit, or nothing fits; says what was found and why it doesn't do.
    """
    explicit = machine.env.get("ES_JAVA_HOME")
    homes = [Path(explicit)] if explicit else _candidates(machine)
    unfit = []
    fit = []
    for home in dict.fromkeys(homes):
        found = _inspect(machine, home)
        if isinstance(found, Jdk):
            fit.append(found)
        else:
            unfit.append(found)
    if fit:
        from_env = [jdk for jdk in fit if str(jdk.home) == machine.env.get("JAVA_HOME")]
        return from_env[0] if from_env else max(fit, key=lambda jdk: jdk.feature)
    seen = "; ".join(unfit) or "no Java at all"
    raise EnvironmentProblem(
        f"a full JDK of version {JAVA_AT_LEAST} or newer is needed to run Elasticsearch without Docker; found: {seen}",
        where="ES_JAVA_HOME" if explicit else "",
        remedy=f"install one ({_INSTALL_JDK}) and set ES_JAVA_HOME if it isn't found, or start a Docker engine, "
        "or set TURNOUT_ELASTICSEARCH_URL",
    )


def find_maven(machine: Machine) -> str:
    """The path of `mvn`.

    Raises:
        EnvironmentProblem: not installed.
    """
    path = machine.which("mvn")
    if path is None:
        raise EnvironmentProblem(
            "Maven is needed to download Elasticsearch without Docker, and mvn isn't on PATH",
            remedy="apt-get install maven, or start a Docker engine, or set TURNOUT_ELASTICSEARCH_URL",
        )
    return path


def _candidates(machine: Machine) -> list[Path]:
    homes = [Path(machine.env["JAVA_HOME"])] if machine.env.get("JAVA_HOME") else []
    homes += machine.jdk_folders()
    if java := machine.which("java"):
        homes.append(Path(java).resolve().parent.parent)
    return homes


def _inspect(machine: Machine, home: Path) -> Jdk | str:
    """The JDK in a folder, or why it doesn't do."""
    java = home / "bin" / "java"
    if not java.exists():
        return f"{home} holds no bin/java"
    version = _feature(machine, home, java)
    if version is None:
        return f"{home} doesn't tell its version"
    if version < JAVA_AT_LEAST:
        return f"{home} is Java {version}"
    if not (home / "bin" / "javac").exists():
        return f"{home} is Java {version} but no full JDK (no javac)"
    return Jdk(home=home, feature=version)


def _feature(machine: Machine, home: Path, java: Path) -> int | None:
    """The feature version, from the JDK's `release` file or else from the program itself."""
    try:
        text = (home / "release").read_text(errors="replace")
        match = re.search(r'^JAVA_VERSION="(\d+)', text, re.MULTILINE)
    except OSError:
        match = None
    if match is None:
        answer = machine.run([str(java), "-XshowSettings:properties", "-version"]).output
        match = re.search(r"java\.specification\.version = (\d+)", answer)
    return int(match[1]) if match else None
