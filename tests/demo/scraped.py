"""The demo's Prometheus: scrapes whatever services run, each second."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from support import prometheus
from turnout.errors import TurnoutError

CONFIG = """\
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: search
    file_sd_configs:
      - files: [{targets}]
        refresh_interval: 1s
"""


def missing(build: Path) -> str:
    """Why there is no Prometheus on this machine; empty if there is one, perhaps fetched just now.

    Raises:
        EnvironmentProblem: there is none, and this is CI, where nothing may be left out.
    """
    try:
        prometheus.binaries(build, print)
    except (TurnoutError, OSError) as error:
        if os.environ.get("CI"):
            raise
        return str(error)
    return ""


class Scraped:
    """A Prometheus of its own; `start` and `stop` it once, `targets` says what it scrapes."""

    def __init__(self, folder: Path, build: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._targets = folder / "targets.json"
        self._server = prometheus.Running(folder, build=build, config=CONFIG.format(targets=self._targets.name))
        self.targets([])

    @property
    def url(self) -> str:
        """Where it answers."""
        return self._server.url

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._server.start()

    def stop(self) -> None:
        """End it."""
        self._server.stop()

    def targets(self, addresses: Iterable[str]) -> None:
        """Scrape these from now on, and nothing else."""
        new = self._targets.with_suffix(".new")
        new.write_text(json.dumps([{"targets": list(addresses)}]))
        new.rename(self._targets)
