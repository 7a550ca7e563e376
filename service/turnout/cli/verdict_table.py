"""A judgment of a canary as text: the verdict in one line, why, and what each metric says. Used by `judge`."""

from __future__ import annotations

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from turnout.canary.judgment import Evidence, Judgment
from turnout.cli.moments import lasting, shown
from turnout.cli.status_judgment import COLOURS, metric_name, share
from turnout.judge.replay import PastTrial
from turnout.release.findings import printable

_ENDS = {
    "promoted": "stable left first: promoted",
    "stopped": "the canary left first: stopped, or replaced by another one",
    "running": "both were there at its end",
}


def show(judgment: Judgment, past: PastTrial, console: Console, *, rollout: str) -> None:
    """Print it."""
    verdict = Text(judgment.verdict, style=f"bold {COLOURS[judgment.verdict]}")
    against = f"  {rollout}: canary {_release(past.canary_release, past.trial.canary)}"
    against += f" against stable {_release(past.stable_release, past.trial.stable)}"
    console.print(verdict + _text(against))
    console.print(_text(f"  {judgment.reason}"))
    if judgment.evidence:
        console.print()
        print_whole(_table(judgment), console)
        console.print()
    for name, text in _facts(judgment, past):
        console.print(_text(f"  {name:<9} {text}"))


def others_table(others: list[PastTrial]) -> Table:
    """The other trials of the range."""
    table = _plain("Other trials in this range; --canary chooses one")
    for column in ("start", "canary", "release", "stable", "release", "end"):
        table.add_column(column)
    for past in others:
        canary, stable = (past.trial.canary, past.canary_release), (past.trial.stable, past.stable_release)
        table.add_row(*map(_text, (shown(past.trial.since), *canary, *stable, past.end)))
    return table


def print_whole(table: Table, console: Console) -> None:
    """As wide as it needs to be, whatever the terminal says: a name that is cut in two can't be copied."""
    needed = Measurement.get(console, console.options.update(max_width=1000), table).maximum
    wide = Console(width=max(needed, console.width), file=console.file, no_color=console.no_color)
    wide.print(table)


def _table(judgment: Judgment) -> Table:
    table = _plain("Evidence is log10 of an e-value; the greatest so far counts")
    for column in ("metric", "canary", "stable", "worse", "needed", "not worse", "needed", "bursts", "decided at"):
        table.add_column(column, justify="left" if column in ("metric", "decided at") else "right")
    for one in judgment.evidence:
        table.add_row(
            _text(metric_name(one)),
            share(one.canary_events, one.canary_requests) or "of none",
            share(one.stable_events, one.stable_requests) or "of none",
            Text(f"{one.harm:.2f}", style="red" if one.failed_at is not None else ""),
            f"{one.harm_needed:.2f}",
            Text(f"{one.safe:.2f}", style="green" if one.passed_at is not None else ""),
            f"{one.safe_needed:.2f}",
            f"{one.dispersion:.1f}",
            _decided(one),
        )
    return table


def _facts(judgment: Judgment, past: PastTrial) -> list[tuple[str, str]]:
    length = lasting(past.until - past.trial.since)
    windows = f"{judgment.windows} windows of {past.trial.window_s:g} s"
    facts = [
        ("trial", f"{shown(past.trial.since)} to {shown(past.until)}, {length}: {windows}"),
        ("end", _ENDS[past.end]),
    ]
    counted = max(judgment.evidence, key=lambda one: one.canary_requests, default=None)
    if counted is not None:
        facts.append(("searches", f"{counted.canary_requests:,.0f} canary, {counted.stable_requests:,.0f} stable"))
    if judgment.needed_requests is not None:
        time = "" if judgment.needed_seconds is None else f", {lasting(judgment.needed_seconds)} at this rate"
        facts.append(("needed", f"about {judgment.needed_requests:,} more searches of the canary{time}"))
    return facts


def _decided(one: Evidence) -> Text:
    if one.failed_at is not None:
        return Text(f"worse {shown(one.failed_at)}", style="red")
    return Text("-") if one.passed_at is None else Text(f"not worse {shown(one.passed_at)}", style="green")


def _release(release: str, template_hash: str) -> str:
    return f"{release} ({template_hash})" if release else template_hash


def _plain(title: str) -> Table:
    return Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))


def _text(text: str) -> Text:
    """What other programs say of themselves must not steer the terminal."""
    return Text(printable(text))
