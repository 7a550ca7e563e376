"""What a change does and what the rehearsal of it showed besides quality: stages, checks, latency, neighbours."""

from __future__ import annotations

from collections.abc import Iterator

from turnout.gate.report.content import Code, Section, Table, Weight
from turnout.gate.report.numbers import clip, data_size, hours, milliseconds, plain, share
from turnout.plan import Plan
from turnout.plan.explain import explain, value
from turnout.rehearsal.result import Latency, Rehearsal, Side

_LINE = 400
_NAME = 160
_AT_A_GLANCE = 12


def stages(plan: Plan) -> Iterator[Section]:
    """What will be done, in the words of `turnout plan`."""
    yield Section(
        key="stages",
        title="What it will do",
        weight=Weight.STAGES,
        lines=tuple(clip(line, _LINE) for line in explain(plan)) or ("Nothing to do: the release is live.",),
        ordered=bool(plan.stages),
    )
    if plan.notes:
        notes = tuple(clip(note, _LINE) for note in plan.notes)
        yield Section(key="plan-notes", title="Notes of the plan", weight=Weight.NOTES, lines=notes)


def differences(plan: Plan) -> Iterator[Section]:
    """Every place where the two releases differ; a long list is closed at first."""
    rows = tuple(
        (
            Code(clip(item.path or "/", _NAME)),
            Code(value(item.before)),
            Code(value(item.after)),
            item.change.value,
            clip(item.reason, _LINE),
        )
        for item in plan.differences
    )
    table = Table(head=("path", "before", "after", "class", "why"), rows=rows, words=(0, 1, 2, 3, 4))
    if rows:
        folded = len(rows) > _AT_A_GLANCE
        yield Section(key="differences", title="What differs", weight=Weight.LISTS, table=table, folded=folded)


def rehearsed(rehearsal: Rehearsal) -> Iterator[Section]:
    """How it ran: latency, embedding spaces, the upgrade, the head's own checks."""
    if rehearsal.latency is not None:
        yield _latency(rehearsal.latency)
    if rehearsal.spaces is not None:
        line = neighbours(rehearsal)
        yield Section(key="spaces", title="Embedding spaces", weight=Weight.DETAIL, lines=(line,))
    yield _how(rehearsal)
    if rehearsal.checks:
        yield _checks(rehearsal)
    if rehearsal.upgrade:
        yield _upgrade(rehearsal)
    if rehearsal.confirmation:
        yield _confirmation(rehearsal)


def neighbours(rehearsal: Rehearsal) -> str:
    """How much of a passage's neighbourhood stays, as a sentence; empty without spaces."""
    spaces = rehearsal.spaces
    if spaces is None:
        return ""
    kept = plain(10 * spaces.neighbours_kept_at_10, 1)
    return (
        f"Neighbours kept@10: {share(spaces.neighbours_kept_at_10)}. Of a passage's ten nearest neighbours "
        f"{kept} stay, on average over {spaces.passages:,} passages."
    )


def _latency(latency: Latency) -> Section:
    rows = (
        ("p50", milliseconds(latency.base_p50_ms), milliseconds(latency.head_p50_ms)),
        ("p95", milliseconds(latency.base_p95_ms), milliseconds(latency.head_p95_ms)),
    )
    line = (
        f"The head's median is {plain(latency.ratio, 2)} times the base's (95 %: {plain(latency.ratio_low, 2)} to "
        f"{plain(latency.ratio_high, 2)}), {latency.queries:,} queries in {latency.rounds:,} rounds, both in turn, "
        "embedding of the query included."
    )
    table = Table(head=("latency", "base", "head"), rows=rows)
    return Section(key="latency", title="Latency", weight=Weight.DETAIL, lines=(line,), table=table)


def _how(rehearsal: Rehearsal) -> Section:
    sample = rehearsal.sample
    line = (
        f"{clip(rehearsal.server, _NAME)}; {sample.used:,} of {sample.listed:,} sampled documents, "
        f"{sample.changed:,} of them changed since, {sample.missing:,} missing."
    )
    sides: tuple[tuple[str, Side | None], ...] = (("base", rehearsal.base), ("head", rehearsal.head))
    rows = tuple(_side_row(name, side) for name, side in sides if side is not None)
    head = ("release", "documents", "passages", "on disk", "vectors on disk", "built in")
    table = Table(head=head, rows=rows) if rows else None
    return Section(key="rehearsal", title="The rehearsal", weight=Weight.NOTES, lines=(line,), table=table, folded=True)


def _side_row(name: str, side: Side) -> tuple[str, ...]:
    seconds = sum(side.stage_seconds.values())
    return (
        name,
        f"{side.documents:,}",
        f"{side.passages:,}",
        data_size(side.disk_bytes),
        data_size(side.vector_disk_bytes),
        "was there" if side.reused else hours(seconds / 3600),
    )


def _upgrade(rehearsal: Rehearsal) -> Section:
    return Section(
        key="upgrade",
        title="The upgrade that was walked",
        weight=Weight.NOTES,
        lines=tuple(clip(line, _LINE) for line in rehearsal.upgrade),
        ordered=True,
        folded=True,
    )


def _checks(rehearsal: Rehearsal) -> Section:
    rows = tuple(
        (Code(clip(check.name, _NAME)), check.verdict, clip(check.reason, _LINE)) for check in rehearsal.checks
    )
    table = Table(head=("check", "verdict", "why"), rows=rows, words=(0, 1, 2))
    return Section(key="checks", title="Checks of the new view", weight=Weight.NOTES, table=table, folded=True)


def _confirmation(rehearsal: Rehearsal) -> Section:
    rows = tuple(
        (Code(clip(item.rule, _NAME)), Code(clip(item.path, _NAME)), clip(item.what, _LINE), clip(item.remedy, _LINE))
        for item in rehearsal.confirmation
    )
    table = Table(head=("rule", "path", "what the server says", "remedy"), rows=rows, words=(0, 1, 2, 3))
    title = "Where the server disagrees with the plan"
    return Section(key="confirmation", title=title, weight=Weight.DETAIL, table=table)
