"""Which plots a collection has, in the order of the page, or why it lacks one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
from matplotlib.figure import Figure

from turnout.cost.result import Cost
from turnout.evaluation.comparison import Comparison
from turnout.gate.report import doing
from turnout.gate.report.pictures import rankings, spending, spreads
from turnout.gate.report.pictures.style import look, svg
from turnout.gate.result import CollectionReport
from turnout.rehearsal.result import Rehearsal


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A plot that belongs to the section of that key. Without `svg`, `caption` says why there is none."""

    section: str
    title: str
    svg: str
    caption: str


def pictures(collection: CollectionReport, number: int) -> tuple[Picture, ...]:
    """All plots of a collection. `number` tells collections of one page apart."""
    key = f"turnout-{number}"
    found = [_cost(collection.cost, key)]
    rehearsal = collection.rehearsal
    if rehearsal is not None:
        found += _rankings(rehearsal.comparison, key)
        found += _spreads(rehearsal, key)
    return tuple(found)


def _cost(cost: Cost | None, key: str) -> Picture:
    title = "Money before and after"
    if cost is None:
        return _missing("cost", title, "the cost wasn't simulated")
    if not spending.worth_drawing(cost):
        return _missing("cost", title, "the model costs nothing for each token")
    caption = "What the month is expected to cost, and the most that an hour can cost under the rate limit."
    return _drawn("cost", title, caption, key, lambda: spending.spending(cost))


def _rankings(comparison: Comparison | None, key: str) -> Iterator[Picture]:
    if comparison is None or not comparison.metrics:
        yield _missing("quality", "Quality, query by query", "there is nothing to compare")
        return
    title = "Quality, query by query"
    if len(rankings.queries_of(comparison)[0]) > 1:
        caption = "Blue gained, orange lost. Left: every query, from the greatest loss to the greatest gain."
        yield _drawn("quality", title, caption, f"{key}-q", lambda: rankings.per_query(comparison))
    else:
        yield _missing("quality", title, "fewer than two queries were judged")
    metrics, slices = rankings.drawable(comparison.metrics), rankings.drawable(comparison.slices)
    if metrics:
        caption = "Orange where the whole interval lies below zero."
        drawn = _drawn(
            "quality", "All metrics", caption, f"{key}-m", lambda: rankings.forest(metrics, comparison.max_loss)
        )
        yield drawn
    if slices:
        more = len(comparison.slices) - len(slices)
        caption = "In parentheses how many queries; grey: too few to be judged." + (f" {more:,} more." if more else "")
        margin = comparison.slice_max_loss
        yield _drawn("slices", "Slices", caption, f"{key}-s", lambda: rankings.forest(slices, margin))
    else:
        yield _missing("slices", "Slices", "the query set names no slices")


def _spreads(rehearsal: Rehearsal, key: str) -> Iterator[Picture]:
    latency, space = rehearsal.latency, rehearsal.spaces
    if latency is not None and spreads.sane((*latency.base_ms, *latency.head_ms)).any():
        caption = "Both releases in turn on the same node; the further left, the faster."
        yield _drawn("latency", "Search time of both releases", caption, f"{key}-l", lambda: spreads.latency(latency))
    else:
        yield _missing("latency", "Search time of both releases", "it wasn't measured on both sides")
    base, head = spreads.sane(rehearsal.base_scores), spreads.sane(rehearsal.head_scores)
    if len(base) + len(head) > 1:
        caption = "Scores of the first ten documents of every query."
        yield _drawn("scores", "Scores", caption, f"{key}-d", lambda: spreads.scores(base, head))
    else:
        yield _missing("scores", "Scores", "no search gave any")
    title = "The same passages in both embedding spaces"
    if space is not None and spreads.drawable(space):
        caption = doing.neighbours(rehearsal) + " The map (t-SNE) is for looking at; the number is what counts."
        yield _drawn("spaces", title, caption, f"{key}-t", lambda: spreads.spaces(space))
    else:
        yield _missing("spaces", title, "the two sides weren't mapped")


def _drawn(section: str, title: str, caption: str, key: str, draw: Callable[[], Figure]) -> Picture:
    with look(key):
        return Picture(section=section, title=title, svg=svg(draw(), f"{title}. {caption}"), caption=caption)


def _missing(section: str, title: str, why: str) -> Picture:
    return Picture(section=section, title=title, svg="", caption=f"No plot: {why}.")
