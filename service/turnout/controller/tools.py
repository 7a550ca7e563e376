"""What acting on one collection needs from outside, as one value. Made by the loop, used by `act` and `tell`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.writer import Writer
from turnout.githost import GitHost
from turnout.kube.reader import Reader as KubeReader
from turnout.kube.writer import Writer as KubeWriter

if TYPE_CHECKING:
    from turnout.controller.judging import Judging


class Deposed(Exception):
    """This replica doesn't lead any more, or is asked to end: it must not act."""


@dataclass(frozen=True)
class Tools:
    """`check` raises `Deposed`; it is called before every action. `now` is the time, ISO 8601 in UTC. `host` gives the
    Git host and raises `Refused` if none is configured. `drain_s` is for how long nobody may have searched a view that
    is deleted, `spare_s` the age of a release ConfigMap that is. `judging` judges canaries; None where
    nobody does. `probe_every_s` is for how long a measurement of the stable release's quality holds (0: there is none),
    `probe_per_s` how many queries it is asked each second. `parity_every_s` is for how long a comparison of a view with
    documents holds (0: none is made). `environment` is the environment that this process is a part of, or empty.
    """

    kube: KubeReader
    kube_writer: KubeWriter
    elastic: Reader
    elastic_writer: Writer
    names: Names
    host: Callable[[], GitHost]
    check: Callable[[], None]
    now: Callable[[], str]
    drain_s: float = 60.0
    spare_s: float = 3600.0
    judging: Judging | None = None
    probe_every_s: float = 86_400.0
    probe_per_s: float = 5.0
    parity_every_s: float = 21_600.0
    environment: str = ""

    @property
    def both(self) -> tuple[Reader, Writer]:
        """Reading and writing Elasticsearch."""
        return self.elastic, self.elastic_writer
