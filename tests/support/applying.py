"""A collection to apply releases to: real (tiny) models, real server, everything in this process."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from support.following import World, make_world
from support.releases import make_release, merged
from support.toy_model import TEXT, make_toy_model
from turnout import observed
from turnout.apply import Context, Event, apply, revert
from turnout.elastic.names import Names
from turnout.elastic.state import FlipRecord, ReleaseRecord
from turnout.evaluation import QuerySet, parse_query_set
from turnout.follow import Progress, find_view
from turnout.ingest import SourceDocument
from turnout.plan import Plan, make_plan
from turnout.release.artifacts import Release
from turnout.verify.parity import parity

WORDS = sorted(set(TEXT.lower().replace(",", "").replace(".", "").replace(";", "").split()))
GATES = {
    "verify": {
        "ann_recall": {"k": 5, "min": 0.5, "queries": 4},
        "quality": {"max_loss": 0.9, "min_queries": 6},
    }
}


def now() -> str:
    """The time as records hold it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def quiet(event: Event) -> None:
    """Listens to nothing."""


@dataclass(frozen=True)
class Site:
    """A collection with documents and two releases, A and B, of two models."""

    world: World
    a: Release
    b: Release
    query_set: QuerySet
    texts: dict[str, str] = field(default_factory=dict)

    def release(self, of: int = 0, **changes: Any) -> Release:
        """A release of one of the two models, with changes."""
        chosen = (self.a, self.b)[of].model
        vector = {"properties": {"passages": {"properties": {"vector": {"dims": chosen.dims}}}}}
        parts = {"model": msgspec.to_builtins(chosen), "mapping": {"mappings": vector}, "gates": GATES}
        return make_release(**merged(parts, changes))

    def context(self, listen: Callable[[Event], None] = quiet, **changes: Any) -> Context:
        world = self.world
        settings: dict[str, Any] = {
            "reader": world.reader,
            "writer": world.writer,
            "names": world.names,
            "url": world.url,
            "models": world.models,
            "now": now,
            "listen": listen,
            "processes": 0,
            "query_set": self.query_set,
        }
        return Context(**(settings | changes))

    def plan(self, head: Release) -> Plan:
        """The plan from what is live, as the verb makes it."""
        world = self.world
        seen = observed.observe(world.reader, world.names)
        return make_plan(observed.live_release(world.reader, world.names), head, seen)

    def apply(self, head: Release, listen: Callable[[Event], None] = quiet, **changes: Any) -> list[str]:
        """Plan and apply; the stages by name."""
        plan = self.plan(head)
        apply(plan, head, self.context(listen, **changes))
        return [type(stage).__struct_config__.tag for stage in plan.stages]  # type: ignore[misc]

    def revert(self, **changes: Any) -> FlipRecord:
        return revert(self.context(), **changes)

    def states(self) -> dict[str, str]:
        """The state of each release."""
        return {each.release_id: each.state for each in self.world.reader.states(self.world.names, ReleaseRecord)}

    def record(self, release: Release) -> ReleaseRecord:
        """What is remembered of a release."""
        (found,) = (
            each for each in self.world.reader.states(self.world.names, ReleaseRecord) if each.release_id == release.id
        )
        return found

    def targets(self) -> frozenset[str]:
        return self.world.reader.alias_targets(self.world.names.alias)

    def view_of(self, release: Release) -> str:
        index = self.record(release).view
        assert index is not None
        return index

    def is_equal(self, release: Release) -> bool:
        """Whether a release's view holds what documents holds, without another look at it."""
        world = self.world
        view = find_view(world.reader, world.names, self.view_of(release))
        return parity(world.reader, world.names, view, catch_up=lambda: None).verdict == "pass"

    def catch_up(self, release: Release) -> None:
        """What the release's follower process would do."""
        from turnout.embedding.store import load
        from turnout.follow import Follower

        job = self.context().job(release, self.view_of(release))
        with Follower(job, embedder=load(release.model, self.world.models)) as follower:
            follower.catch_up()

    def upsert(self, name: str, text: str) -> None:
        self.world.documents.upsert(name, title=name, text=text, fields={"kind": "x"})


def make_site(url: str, names: Names, models: Path, *, documents: int = 12) -> Site:
    """A collection with documents and nothing built. Each query is the end of one document's text."""
    world = make_world(url, names, models, gates=GATES)
    b_model = msgspec.to_builtins(make_toy_model(models, dims=8, seed=1))
    dims = {"mappings": {"properties": {"passages": {"properties": {"vector": {"dims": 8}}}}}}
    b = make_release(model=b_model, mapping=dims, gates=GATES)
    rng = random.Random(5)
    texts = {f"d{n}": " ".join(rng.choices(WORDS, k=40)) for n in range(documents)}
    world.documents.upsert_many(
        SourceDocument(source_id=name, title=name, text=text, fields={"kind": "x"}) for name, text in texts.items()
    )
    asked = list(itertools.islice(texts.items(), 10))
    queries = "".join(f'{{"_id": "q-{name}", "text": "{text[-80:]}"}}\n' for name, text in asked)
    qrels = "query-id\tcorpus-id\tscore\n" + "".join(f"q-{name}\t{name}\t1\n" for name, _ in asked)
    return Site(world, world.release, b, parse_query_set(queries.encode(), qrels.encode()), texts)


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def last_progress(self) -> Progress:
        """Of the first catch-up: the backfill."""
        return [event for event in self.events if isinstance(event, Progress) and event.round == 1][-1]
