"""Base and head side by side: rankings, index, latency, embedding spaces. Whatever needs both views is here."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from turnout.evaluation import Comparison, MetricChange, QuerySet, run
from turnout.evaluation import compare as compare_runs
from turnout.evaluation.metrics import Run
from turnout.plan import Change
from turnout.rehearsal.fallback import fallback
from turnout.rehearsal.latency import asker, latency
from turnout.rehearsal.neighbours import spaces
from turnout.rehearsal.result import Latency, Recall, Spaces
from turnout.rehearsal.sides import Built, measured_recall, recall_of, scores, timing_model
from turnout.rehearsal.workshop import Workshop
from turnout.verify import Check
from turnout.verify.quality import DEPTH


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured; None for what could not be."""

    comparison: Comparison | None = None
    fallback: MetricChange | None = None
    base_recall: Recall | None = None
    head_recall: Recall | None = None
    latency: Latency | None = None
    spaces: Spaces | None = None
    base_scores: tuple[float, ...] = ()
    head_scores: tuple[float, ...] = ()


def compare(
    shop: Workshop, base: Built | None, head: Built, checks: Sequence[Check], *, change: Change, sample: Sequence[str]
) -> Compared:
    """Measure everything that both sides, or the head alone, can be asked for.

    Without a query set nothing can be ranked or timed. Latency isn't measured where nothing that a search sees differs.

    Args:
        checks: of the head's verification, which measured its index already.
        sample: ids of the documents.
    """
    found = Compared(head_recall=recall_of(next((check for check in checks if check.name == "ann_recall"), None)))
    queries = shop.settings.query_set
    if queries is not None:
        found = _ranked(shop, base, head, queries, found)
    if base is not None and queries is not None and change > Change.OPERATIONAL:
        found = msgspec.structs.replace(found, latency=_timed(shop, base, head, queries))
    if base is not None:
        with shop.phase("spaces"):
            seed = head.release.gates.verify.quality.seed
            found = msgspec.structs.replace(found, spaces=spaces(shop.reader, base, head, sample, seed=seed))
    return found


def _ranked(shop: Workshop, base: Built | None, head: Built, queries: QuerySet, found: Compared) -> Compared:
    gates = head.release.gates
    quality = gates.verify.quality
    with shop.phase("comparison"):
        head_run = _run(shop, head, queries)
        base_run = _run(shop, base, queries) if base is not None else None
        found = msgspec.structs.replace(
            found,
            comparison=compare_runs(head_run, base_run, queries, quality, gates.rehearsed),
            fallback=fallback(shop, base, head, queries) if base is not None else None,
            head_scores=scores(shop.reader, head, queries),
            base_scores=scores(shop.reader, base, queries) if base is not None else (),
        )
    with shop.phase("recall"):
        gate = gates.verify.ann_recall
        head_recall = found.head_recall or recall_of(
            measured_recall(shop.reader, head, queries, gate, seed=quality.seed)
        )
        base_recall = None
        if base is not None:
            base_recall = recall_of(measured_recall(shop.reader, base, queries, gate, seed=quality.seed))
    return msgspec.structs.replace(found, head_recall=head_recall, base_recall=base_recall)


def _run(shop: Workshop, built: Built, queries: QuerySet) -> Run:
    """By the bodies that verification asked, so that a reader that remembers asks nothing new."""
    return run(shop.reader, built.release, built.view, queries, built.model, k=DEPTH)


def _timed(shop: Workshop, base: Built, head: Built, queries: QuerySet) -> Latency | None:
    fresh = shop.reader.fresh
    with shop.phase("latency"):
        ask_base, ask_head = (asker(fresh, each.release, each.view, timing_model(each)) for each in (base, head))
        return latency(ask_base, ask_head, queries.queries, seed=head.release.gates.verify.quality.seed)
