"""Faults in what is stored: a view that was written to by hand, and records of a source that can't be read."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager

from e2e.documents import OWNER
from e2e.waiting import until_told
from exercise.faults.fault import Fault, Scene
from exercise.faults.pods import former
from turnout.elastic.writer import BulkItem
from turnout.ingest import Documents
from turnout.ingest.documents import utc_now
from turnout.ingest.journal import IngestReport
from turnout.ingest.source import Unreadable

_LOST = 3


@contextmanager
def _tampered(scene: Scene) -> Iterator[float]:
    """Documents are deleted from the live view and from the former one by hand. Their followers bring them back when
    they read everything once more.
    """
    world = scene.world
    views = [*world.reader.alias_targets(world.names.alias), former(world)[0]]
    query = {"term": {"owner": OWNER}}
    chosen = list(itertools.islice(world.reader.scan(world.names.documents, sort="id", query=query), _LOST))
    began = time.monotonic()
    for view in views:
        outcomes = list(world.writer.bulk(view, [BulkItem("delete", hit.id) for hit in chosen]))
        assert all(each.ok for each in outcomes), outcomes
    yield began
    for view in views:
        scene.change("ParityBroken", "checkpoint:", VIEW=view)
    wanted = "sum(turnout_view_parity_differences) == 0"
    until_told("the views are equal again", lambda: "" if world.prometheus(wanted) else "they aren't", seconds=150)


@contextmanager
def _unreadable(scene: Scene) -> Iterator[float]:
    """A run of ingestion can't read two records; the next one can."""
    world = scene.world
    documents = Documents(world.reader, world.writer, world.names)
    bad = [Unreadable(place=f"line {number}", reason="not a JSON object") for number in (3, 7)]
    began = time.monotonic()
    first = documents.journal(_report("run-1"))
    first.open()
    first.bury(bad, at=utc_now())
    yield began
    documents.journal(_report("run-2")).resolve(at=utc_now())


def _report(run_id: str) -> IngestReport:
    return IngestReport(run_id=f"exercise-{run_id}", owner="exercise", tenant="default", started_at=utc_now())


DEAD_LETTERS = Fault(
    "unreadable-records",
    "a source has records that can't be read",
    {"DeadLettersGrow": 60.0},
    _unreadable,
    uses=frozenset({"controller", "elasticsearch"}),
    also=("UnansweredQueries", "JudgedQualityFell"),
)
PARITY = Fault(
    "view-tampered",
    "somebody deletes documents in two views",
    # Until the next comparison, each 30 s here, which first waits until the view has caught up and looks five times.
    # The views take turns, the live one first.
    {"ParityBroken": 120.0, "UnsearchedViewBroken": 240.0},
    _tampered,
    needs=frozenset({"former", "alias"}),
    uses=frozenset({"controller", "elasticsearch"}),
)
