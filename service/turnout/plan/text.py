"""A plan for a terminal, as rich renderables: values go in as plain text, never as rich's markup."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from turnout.plan.build import Plan
from turnout.plan.change import Change
from turnout.plan.explain import alike, estimate_rows, explain, value
from turnout.release.findings import printable

_STYLES = {
    Change.NONE: "green",
    Change.OPERATIONAL: "green",
    Change.QUERY: "cyan",
    Change.IN_PLACE: "cyan",
    Change.COPY: "yellow",
    Change.EMBED: "red",
}


def text(plan: Plan) -> Iterator[RenderableType]:
    """What to print, in order."""
    yield Text.assemble(
        f"{printable(plan.collection)}: {printable(plan.base_id or 'nothing')} → {printable(plan.head_id)}  ",
        (plan.change.value, f"bold {_STYLES[plan.change]}"),
    )
    yield _differences(plan) if plan.differences else Text("\nNothing differs.")
    yield Text("\nStages", style="bold")
    for place, line in enumerate(explain(plan), start=1):
        yield Text(f"  {place}. {printable(line)}")
    if not plan.stages:
        yield Text("  nothing to do: the release is live")
    yield Text("\nEstimate", style="bold")
    yield _estimate(plan)
    for assumption in plan.estimate.assumptions:
        yield Text(f"  {printable(assumption)}", style="dim")
    for note in plan.notes:
        yield Text(f"note: {printable(note)}", style="yellow")
    for lifted in plan.lifted:
        yield Text(f"lifted by an override ({lifted.rule}): {printable(lifted.what)}", style="yellow")
    for refusal in plan.refusals:
        yield Text(f"refused ({refusal.rule}): {printable(refusal.what)}\n  {printable(refusal.remedy)}", style="red")


def _differences(plan: Plan) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for group in alike(plan.differences):
        for item in group.shown:
            what = (
                f"{printable(item.path or '/')}\n{value(item.before)} → {value(item.after)}\n{printable(item.reason)}"
            )
            table.add_row(Text(item.change.value, style=_STYLES[item.change]), Text(what, overflow="fold"))
        if group.more:
            change = group.shown[0].change
            table.add_row(Text(change.value, style=_STYLES[change]), Text(printable(group.rest), overflow="fold"))
    return table


def _estimate(plan: Plan) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2))
    for label, shown in estimate_rows(plan):
        table.add_row(Text(label), Text(shown, justify="right"))
    return table
