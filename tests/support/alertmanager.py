"""A real Alertmanager on loopback: for the test of our routing, and for the exercise.

`binaries` finds or fetches the programs, `command` starts the server wherever it lies, `Running` serves a
configuration, `to_webhooks` makes one of the example.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from support import debian, prometheus

_SHARE = Path("/usr/share")


class Binaries(NamedTuple):
    """The server and its tool."""

    alertmanager: Path
    amtool: Path


def binaries(build: Path, log: Callable[[str], None] = lambda _: None) -> Binaries:
    """Both from PATH, else from Debian's package, which is unpacked into `build`/alertmanager the first time.

    Raises:
        EnvironmentProblem: neither on PATH, nor can the package be fetched.
    """
    names = ("prometheus-alertmanager", "amtool")
    return Binaries(*debian.programs("prometheus-alertmanager", names, build / "alertmanager", log))


def command(build: Path) -> list[str]:
    """What comes before Alertmanager's flags.

    Debian's reads its templates from /usr/share. Where the package isn't installed, it gets the unpacked package's
    /usr/share in a mount namespace of its own. The process stays the one that was started.
    """
    program = binaries(build).alertmanager
    share = program.parents[1] / "share"
    if share == _SHARE or (_SHARE / "prometheus/alertmanager").exists():
        return [str(program)]
    script = 'mount --bind "$0" /usr/share && exec "$@"'
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, str(share), str(program)]


def to_webhooks(config: Mapping[str, Any], url: str) -> dict[str, Any]:
    """The same routing, every receiver led to `url`/<its name>, without credentials."""
    own = {**config, "receivers": []}
    for each in config["receivers"]:
        hooks = [
            {"url": f"{url}/{each['name']}", "send_resolved": hook.get("send_resolved", True)}
            for hook in each["webhook_configs"]
        ]
        own["receivers"].append({"name": each["name"], "webhook_configs": hooks})
    return own


class Running(prometheus.Running):
    """An Alertmanager on a free port of loopback, without peers; a context manager. `config` is its whole text."""

    def _start_with(self, build: Path) -> list[str]:
        return command(build)

    def _flags(self) -> list[str]:
        return [f"--storage.path={self._storage}", "--cluster.listen-address="]

    def post(self, alerts: list[dict[str, Any]]) -> None:
        """Hand over alerts (`labels`, `annotations`, `startsAt`, `endsAt`), as Prometheus does.

        Raises:
            httpx.HTTPError: it doesn't take them.
        """
        httpx.post(f"{self.url}/api/v2/alerts", json=alerts, timeout=5.0).raise_for_status()
