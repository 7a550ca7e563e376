"""What the stages need from outside, as one value, and what they tell while they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.writer import Writer
from turnout.embedding import Embedder
from turnout.embedding.hosted import Billed
from turnout.evaluation import QuerySet
from turnout.follow import Job, Progress
from turnout.plan import Stage
from turnout.release.artifacts import Release
from turnout.verify import Check


@dataclass(frozen=True)
class Started:
    """A stage begins: the `number`th of `of`."""

    stage: Stage
    number: int
    of: int


@dataclass(frozen=True)
class Ended:
    """A stage is done, after `seconds`."""

    stage: Stage
    seconds: float


@dataclass(frozen=True)
class Waiting:
    """Nothing can be done yet: `what` is waited for, since `seconds`."""

    what: str
    seconds: float


Event = Started | Ended | Waiting | Progress | Check


@dataclass(frozen=True)
class Context:
    """One collection on one cluster.

    `url`, `api_key` and `ca` are for worker processes, which make clients of their own. `now` gives the time as ISO
    8601 in UTC. `processes` is how many followers fill a view at once, 0 to fill it in this process; `listen` is told
    what happens. `load` gives a release's model to this process, and whoever gives it closes it; None to have it loaded
    and closed here. `billed` is told what a hosted model is paid that is loaded here.
    """

    reader: Reader
    writer: Writer
    names: Names
    url: str
    models: Path
    now: Callable[[], str]
    listen: Callable[[Event], None]
    processes: int
    query_set: QuerySet | None
    api_key: str | None = field(default=None, repr=False)
    ca: Path | None = None
    embedding_key: str | None = field(default=None, repr=False)
    load: Callable[[Release], Embedder] | None = None
    billed: Billed | None = None

    def job(self, release: Release, view: str, *, reuse_from: str | None = None) -> Job:
        """The work of following one view."""
        return Job(
            url=self.url,
            api_key=self.api_key,
            ca=self.ca,
            embedding_key=self.embedding_key,
            names=self.names,
            release=release,
            view=view,
            models=self.models,
            processes=self.processes,
            reuse_from=reuse_from,
        )
