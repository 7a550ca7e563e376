"""Puts the parts of the report together, one per collection, the worst first. Every renderer starts here."""

from __future__ import annotations

from collections.abc import Iterator

from turnout.gate.report import costs, doing, quality, verdicts
from turnout.gate.report.content import Part, Section, Weight, worst_first
from turnout.gate.report.key_figures import key_figures
from turnout.gate.report.numbers import clip
from turnout.gate.result import CheckReport, CollectionReport
from turnout.plan import Backfill

_NAME = 80


def parts(report: CheckReport) -> tuple[Part, ...]:
    """One part per collection."""
    order = worst_first([collection.verdict for collection in report.collections])
    return tuple(_part(report.collections[place], place) for place in order)


def general(report: CheckReport) -> tuple[Section, ...]:
    """Findings of no single collection."""
    return tuple(verdicts.findings(report.findings))


def _part(collection: CollectionReport, place: int) -> Part:
    base = clip(collection.base_id or "nothing", _NAME)
    head = clip(collection.head_id or "nothing", _NAME)
    return Part(
        place=place,
        collection=clip(collection.collection, _NAME),
        change=clip(collection.change, _NAME),
        verdict=collection.verdict,
        reason=verdicts.one_reason(collection),
        releases=f"{base} → {head}",
        figures=key_figures(collection),
        sections=tuple(_sections(collection)),
    )


def _sections(collection: CollectionReport) -> Iterator[Section]:
    found, rehearsal = collection.findings, collection.rehearsal
    yield from verdicts.findings(found)
    if collection.plan is not None:
        yield from doing.differences(collection.plan)
        yield from doing.stages(collection.plan)
    if collection.cost is not None:
        plan = collection.plan
        embeds = plan is None or any(isinstance(stage, Backfill) and stage.mode == "embed" for stage in plan.stages)
        yield from costs.costs(collection.cost, embeds=embeds)
    if rehearsal is not None:
        yield from quality.quality(rehearsal)
        yield from doing.rehearsed(rehearsal)
    elif collection.change != "deleted":
        line = "There was no rehearsal, so nothing is known of quality, recall and latency."
        yield Section(key="rehearsal", title="The rehearsal", weight=Weight.NOTES, lines=(line,))
    took = ", ".join(f"{clip(step, _NAME)} {seconds:,.1f} s" for step, seconds in collection.seconds.items())
    if took:
        yield Section(key="seconds", title="How long the check took", weight=Weight.LISTS, lines=(took,), folded=True)
