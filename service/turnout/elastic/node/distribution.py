"""The official Elasticsearch distribution, through Maven Central, unpacked once.

Maven only downloads (`pom.xml` beside this file); the digest is checked here before a byte is unpacked, and the
folder appears by a rename, so that a half-unpacked one is never taken for whole. Never part of turnout: it is under
the Elastic License 2.0 and is fetched by whoever runs it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from turnout.elastic.node.machine import Machine, Tell
from turnout.elastic.node.requirements import VERSION, Jdk, find_maven
from turnout.errors import EnvironmentProblem

ARCHIVE_SHA256 = "b7306f5ecfa6806753bc0eb0dc4ea11fe0ddd2c5a346592718814d6ec35b88cb"

_MARKER = "turnout-unpacked"
_POM = Path(__file__).with_name("pom.xml")
_DOWNLOAD_TIMEOUT_S = 3600.0
# Not used here: Windows scripts, the SQL shell, and a native launcher whose class does the same.
_LEFT_OUT = re.compile(r"\.(bat|exe)$|-sql-cli-.*\.jar$|/server-launcher/server-launcher$")


def unpacked(base: Path) -> Path | None:
    """The folder of a distribution that was unpacked before."""
    home = base / VERSION
    return home if (home / _MARKER).exists() else None


def provide(machine: Machine, base: Path, *, jdk: Jdk, tell: Tell) -> Path:
    """The folder of the distribution; downloads and unpacks it into `base` the first time (947 MB, once).

    Raises:
        EnvironmentProblem: Maven is missing or fails, or the archive isn't the one that was pinned.
    """
    if home := unpacked(base):
        return home
    archive = _download(machine, jdk, tell)
    tell("checking the digest of the Elasticsearch archive")
    _check(archive)
    tell(f"unpacking Elasticsearch {VERSION}")
    return _unpack(archive, base)


def _download(machine: Machine, jdk: Jdk, tell: Tell) -> Path:
    maven = find_maven(machine)
    tell(f"asking Maven for Elasticsearch {VERSION} (947 MB the first time)")

    def progress(line: str) -> None:
        if match := re.search(r"\((\d+)(?:\.\d+)?/(\d+)(?:\.\d+)? ?MB\)", line):
            tell(f"downloading Elasticsearch {VERSION} through Maven: {match[1]} of {match[2]} MB")

    with tempfile.TemporaryDirectory() as folder:
        listing = Path(folder) / "artifacts"
        done = machine.run(
            [maven, "-f", str(_POM), f"-Dlist={listing}", "validate"],
            env={"JAVA_HOME": str(jdk.home)},
            timeout_s=_DOWNLOAD_TIMEOUT_S,
            on_output=progress,
        )
        text = listing.read_text() if done.code == 0 and listing.exists() else ""
    match = re.search(r":zip:[^:]+:compile:(.+\.zip)", text)
    if match is None:
        raise EnvironmentProblem(
            f"Maven could not download Elasticsearch (exit code {done.code}): {_last_error(done.output)}",
            where=str(_POM),
            remedy="check the network and Maven's settings.xml, then start again",
        )
    return Path(match[1])


def _last_error(output: str) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
    errors = [line for line in plain.splitlines() if "[ERROR]" in line and len(line) > len("[ERROR] ")]
    return (errors or plain.splitlines() or ["no output"])[0].strip()


def _check(archive: Path) -> None:
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != ARCHIVE_SHA256:
        raise EnvironmentProblem(
            f"the archive has sha256 {digest}, not the pinned {ARCHIVE_SHA256}",
            where=str(archive),
            remedy="delete it and start again; if it stays so, don't trust what your Maven mirror serves",
        )


def _unpack(archive: Path, base: Path) -> Path:
    home = base / VERSION
    if home.exists():
        shutil.rmtree(home)  # without a marker: left by something else than this function
    partial = Path(tempfile.mkdtemp(prefix=f".{VERSION}-", dir=base))
    try:
        with zipfile.ZipFile(archive) as content:
            for entry in content.infolist():
                _write_entry(content, entry, partial)
        (partial / _MARKER).write_text(f"{ARCHIVE_SHA256}\n")
        partial.chmod(0o755)
        partial.rename(home)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return home


def _write_entry(content: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    """One file below `<anything>/elasticsearch/`, readable by all: as root the server runs as another user."""
    parts = PurePosixPath(entry.filename).parts
    if entry.is_dir() or len(parts) < 3 or parts[1] != "elasticsearch" or _LEFT_OUT.search(entry.filename):
        return
    if ".." in parts:
        raise EnvironmentProblem("the archive names a file outside of itself", where=entry.filename)
    target = folder
    for part in parts[2:-1]:
        target = target / part
        if not target.exists():
            target.mkdir()
            target.chmod(0o755)
    target = target / parts[-1]
    with content.open(entry) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink)
    target.chmod(0o644)
