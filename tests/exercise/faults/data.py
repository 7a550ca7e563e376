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
    """Documents are deleted from a view by hand. Its follower brings them back when it reads everything once more."""
    world = scene.world
    view, _ = former(world)
    query = {"term": {"owner": OWNER}}
    chosen = list(itertools.islice(world.reader.scan(world.names.documents, sort="id", query=query), _LOST))
    began = time.monotonic()
    outcomes = list(world.writer.bulk(view, [BulkItem("delete", hit.id) for hit in chosen]))
    assert all(each.ok for each in outcomes), outcomes
    yield began
    scene.change("ParityBroken", "checkpoint:", VIEW=view)
    wanted = f'sum(turnout_view_parity_differences{{view="{view}"}}) == 0'
    until_told("the view is equal again", lambda: "" if world.prometheus(wanted) else "it isn't", seconds=90)


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
    "somebody deletes documents in a view",
    # Until the next comparison, each 30 s here, which first waits until the view has caught up and looks five times.
    {"ParityBroken": 120.0},
    _tampered,
    needs=frozenset({"former"}),
    uses=frozenset({"controller", "elasticsearch"}),
)
