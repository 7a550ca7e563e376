"""All checks of one release on one view, the cheap and telling ones first. Called by apply."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.views import View
from turnout.embedding import Embedder
from turnout.evaluation.query_set import QuerySet
from turnout.evaluation.runs import Ranked, run_together
from turnout.release.artifacts import Release
from turnout.verify.ann import ann_recall, embedded, sample
from turnout.verify.attestation import attestation
from turnout.verify.parity import parity
from turnout.verify.placeholders import placeholders
from turnout.verify.quality import DEPTH, quality
from turnout.verify.report import Check, Report

Progress = Callable[[Check], None]
"""Takes each check as soon as it is done."""


class Live(NamedTuple):
    """The release that is live now, its view and its model: what a candidate is compared with."""

    release: Release
    view: View
    embedder: Embedder


def verify(  # noqa: PLR0913 - two sides to compare, each with a release, a view and a model
    reader: Reader,
    names: Names,
    release: Release,
    view: View,
    *,
    embedder: Embedder,
    query_set: QuerySet | None,
    live: Live | None,
    catch_up: Callable[[], None],
    progress: Progress,
) -> Report:
    """Run every check that makes sense.

    A view that another model filled has no ANN recall or quality worth measuring: after a failed attestation these two
    are listed as not run.

    Args:
        embedder: the release's model.
        query_set: None if the collection has none; then ANN recall and quality are inconclusive.
        live: None for the first release of a collection.
        catch_up: brings the view up to what documents holds at the call.

    Raises:
        Unavailable: the server can't answer. Nothing is judged then.
    """
    candidate = Live(release, view, embedder)
    gates = release.gates.verify
    attested = _timed(progress, lambda: attestation(view, embedder, gates.attestation))
    checks = [
        attested,
        _timed(progress, lambda: parity(reader, names, view, catch_up=catch_up)),
        _timed(progress, lambda: placeholders(reader, view.index, gates.placeholders)),
    ]
    if attested.verdict != "pass":
        checks += _not_run(progress, "the model is not the one that filled the view")
    elif query_set is None:
        checks += _not_run(progress, "the collection has no query set")
    else:
        asked = query_set
        checks.append(_timed(progress, lambda: _recall(reader, candidate, asked)))
        checks.append(_timed(progress, lambda: _quality(reader, candidate, live, asked)))
    return Report(release_id=release.id, view=view.index, checks=tuple(checks))


def _recall(reader: Reader, candidate: Live, query_set: QuerySet) -> Check:
    gates = candidate.release.gates.verify
    queries = sample(query_set, gates.ann_recall, seed=gates.quality.seed)
    vectors = embedded(queries, candidate.embedder)
    return ann_recall(reader, candidate.release, candidate.view.index, queries, vectors, gates.ann_recall)


def _quality(reader: Reader, candidate: Live, live: Live | None, query_set: QuerySet) -> Check:
    sides = [Ranked(side.release, side.view.index, side.embedder) for side in (candidate, live) if side is not None]
    found, *baseline = run_together(reader, sides, query_set, k=DEPTH)
    return quality(found, baseline[0] if baseline else None, query_set, candidate.release.gates.verify.quality)


def _timed(progress: Progress, check: Callable[[], Check]) -> Check:
    started = time.perf_counter()
    found = msgspec.structs.replace(check(), seconds=round(time.perf_counter() - started, 3))
    progress(found)
    return found


def _not_run(progress: Progress, reason: str) -> list[Check]:
    """The checks that need a query set and the right model, with why there are none."""
    checks = [
        Check(name=name, verdict="inconclusive", reason=f"not run: {reason}", evidence={"not_run": True})
        for name in ("ann_recall", "quality")
    ]
    for check in checks:
        progress(check)
    return checks
