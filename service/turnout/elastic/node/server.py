"""What a local node is: where it keeps its files, how it is asked for, and how it is told apart from others."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec
from elasticsearch import AuthenticationException, AuthorizationException, UnsupportedProductError

from turnout.elastic.client import connect
from turnout.elastic.node.machine import Machine, Tell
from turnout.elastic.node.requirements import VERSION
from turnout.elastic.reader import reaching
from turnout.errors import EnvironmentProblem, Unavailable
from turnout.release.endpoint import without_credentials

START_TIMEOUT_S = 180.0


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """An Elasticsearch that can be used now.

    `how` is `given` for one that turnout didn't start. `identity` proves that `pid` is still the process that was
    started; `home` is the node's folder.
    """

    url: str
    version: str
    how: Literal["given", "jvm", "docker"]
    pid: int | None = None
    identity: str = ""
    container: str = ""
    home: str = ""


@dataclass(frozen=True)
class Wanted:
    """How a node is to be started.

    Args:
        home: the node's own folder, made if it is missing.
        port: of the HTTP interface on 127.0.0.1; 0 takes a free one.
        heap: of the JVM, `512m` or `1g`.
        settings: more Elasticsearch settings, by their dotted names.
        short_lived: compile less (C1 only), for nodes that live for seconds.
    """

    home: Path
    port: int
    heap: str
    settings: Mapping[str, str] = field(default_factory=dict)
    short_lived: bool = False

    @property
    def snapshots(self) -> Path:
        """Registered as `path.repo`: a snapshot repository of type `fs` may lie here."""
        return self.home / "snapshots"


def base_folder(machine: Machine, build: Path, tell: Tell) -> Path:
    """Where distribution and data lie: `elasticsearch` under `build`.

    As root the server runs as `nobody`, who may be unable to reach `build`; then it is a folder under the system's
    temporary one, and `tell` says so.
    """
    base = build / "elasticsearch"
    if not machine.is_root() or _reachable_by_all(build):
        base.mkdir(parents=True, exist_ok=True)
        return base
    name = hashlib.sha256(str(build).encode()).hexdigest()[:12]
    base = Path(tempfile.gettempdir()) / f"turnout-{name}"
    tell(f"{build} can't be entered by the user nobody, whom Elasticsearch runs as; using {base}")
    with contextlib.suppress(FileExistsError):
        base.mkdir()
    # Anyone may have made a folder, a file or a link of this name there.
    if not stat.S_ISDIR((found := base.lstat()).st_mode) or found.st_uid != os.geteuid():
        raise EnvironmentProblem("belongs to somebody else", where=str(base), remedy="remove it and start again")
    return base


def _reachable_by_all(folder: Path) -> bool:
    existing = [path for path in (folder, *folder.parents) if path.exists()]
    return all(path.stat().st_mode & 0o001 for path in existing)


def check_given(url: str, *, api_key: str | None = None, ca: Path | None = None) -> Node:
    """The node at a URL that the user gave.

    Raises:
        Unavailable: doesn't answer.
        EnvironmentProblem: no Elasticsearch, another major version than the client's, or it refuses the credential.
    """
    with connect(url, api_key=api_key, ca=ca, timeout_s=10.0) as client, reaching(client):
        try:
            # Plain JSON: a server of another major version refuses the client's own content type.
            answer = client.options(max_retries=1).perform_request("GET", "/", headers={"accept": "application/json"})
            version = str(answer.body["version"]["number"])
        except (UnsupportedProductError, AuthenticationException, AuthorizationException) as error:
            raise EnvironmentProblem(
                f"no Elasticsearch that lets turnout in: {error.message}",
                where=without_credentials(url),
                remedy="check TURNOUT_ELASTICSEARCH_URL and TURNOUT_ELASTICSEARCH_READ_API_KEY",
            ) from error
    if version.split(".")[0] != VERSION.split(".")[0]:
        raise EnvironmentProblem(
            f"Elasticsearch {version} answers, turnout speaks to version {VERSION.split('.')[0]}",
            where=without_credentials(url),
            remedy="point TURNOUT_ELASTICSEARCH_URL at a server of that version, or unset it to start a local one",
        )
    return Node(url=url, version=version, how="given")


def wait_until_ready(url: str, *, timeout_s: float = START_TIMEOUT_S) -> str:
    """Wait until a node that is starting answers and can take writes; returns its version.

    Raises:
        Unavailable: not ready in time.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            with connect(url, timeout_s=30.0) as client, reaching(client):
                client.cluster.health(wait_for_status="yellow", timeout="20s")
                return str(client.info()["version"]["number"])
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def health(url: str, *, api_key: str | None = None, ca: Path | None = None) -> dict[str, Any]:
    """`health`, the number of `indexes`, and bytes of disk that indexes use (`disk_used`) and leave (`disk_free`).

    Raises:
        Unavailable: the server doesn't answer.
    """
    with connect(url, api_key=api_key, ca=ca, timeout_s=10.0) as client, reaching(client):
        stats = client.options(max_retries=0).cluster.stats()
    return {
        "health": str(stats["status"]),
        "indexes": int(stats["indices"]["count"]),
        "disk_used": int(stats["indices"]["store"]["size_in_bytes"]),
        "disk_free": int(stats["nodes"]["fs"]["available_in_bytes"]),
    }
