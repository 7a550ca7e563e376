"""Draws a trial for its post-mortem: what both releases did, what the judge made of it, and when it was sure.

One column for each metric: above, the share of searches that went wrong; below, the evidence. At the bottom, the
traffic. Importing this module costs the import of matplotlib, an optional package. Called by `turnout judge`.
"""

from __future__ import annotations

import textwrap
import warnings
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from turnout.judge.picture_curves import decided_at
from turnout.judge.picture_panels import draw_evidence, draw_shares, draw_traffic
from turnout.judge.picture_style import CANARY, DASHED, DPI, HARM, MUTED, SAFE, STABLE, STYLE, VERDICT, clip, utc
from turnout.judge.replay_judged import Replay
from turnout.release.findings import printable

_LINE = 150
"""Characters that fit across the picture in the headline's type."""


def draw(replayed: Replay, path: Path, *, rollout: str) -> None:
    """Write the picture, 16 by 10 inches; the file's suffix, `.png` or `.svg`, says as what.

    Raises:
        OSError: the file can't be written.
    """
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a glyph that the font doesn't have
        metadata = {"Date": None, "Creator": None} if path.suffix.lower() == ".svg" else None
        picture(replayed, rollout=rollout).savefig(path, dpi=DPI, metadata=metadata)


def picture(replayed: Replay, *, rollout: str) -> Figure:
    """The figure. The reason stands in it, so that it can be read without the command's output."""
    figure = Figure(figsize=(16, 10), layout="constrained")
    evidence = {one.metric: one for one in replayed.judgment.evidence}
    metrics = [one for one in replayed.course.metrics if one.metric in evidence] if replayed.course else []
    grid = figure.add_gridspec(4, max(1, len(metrics)), height_ratios=(0.3, 1.0, 1.15, 0.5))
    _headline(figure.add_subplot(grid[0, :]), replayed, rollout)
    if not metrics:
        empty = figure.add_subplot(grid[1:, :])
        empty.set_axis_off()
        empty.text(0.5, 0.5, "Nothing was counted, so there is nothing to draw.", ha="center", fontsize=14)
        return figure
    for column, metric in enumerate(metrics):
        above, below = (figure.add_subplot(grid[row, column]) for row in (1, 2))
        draw_shares(above, replayed, evidence[metric.metric])
        draw_evidence(below, replayed, metric, evidence[metric.metric])
        if column == 0:
            above.set_ylabel("share of searches")
            below.set_ylabel("evidence (log10 of the e-value)")
    draw_traffic(figure.add_subplot(grid[3, :]), replayed)
    figure.legend(handles=_legend(replayed), loc="outside lower center", ncols=7)
    return figure


def _headline(axes: Axes, replayed: Replay, rollout: str) -> None:
    past, judgment, moment = replayed.past, replayed.judgment, decided_at(replayed.judgment)
    title = f"{clip(rollout, 60)}: {judgment.verdict.upper()}"
    if moment is not None:
        title += f", sure at {utc(moment)} UTC, {_duration(moment - past.trial.since)} after the start"
    reason = textwrap.fill(printable(judgment.reason), _LINE, max_lines=2, placeholder=" ...")
    canary = f"canary {clip(past.canary_release, 40)} ({clip(past.trial.canary, 20)})"
    stable = f"stable {clip(past.stable_release, 40)} ({clip(past.trial.stable, 20)})"
    when = f"{utc(past.trial.since)} to {utc(past.until)} UTC"
    axes.set_axis_off()
    place: dict[str, Any] = {"transform": axes.transAxes, "ha": "left", "va": "top"}
    axes.text(0, 1.0, title, fontsize=17, weight="bold", color=VERDICT[judgment.verdict], **place)
    axes.text(0, 0.58, f"{canary} against {stable}, {when}\n{reason}", fontsize=12, linespacing=1.5, **place)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def _legend(replayed: Replay) -> list[Line2D]:
    """One for all panels."""
    lines = [
        Line2D([], [], color=CANARY, linewidth=2.2, label="canary, since the start"),
        Line2D([], [], color=STABLE, linewidth=2.2, linestyle=DASHED, label="stable, since the start"),
        Line2D([], [], color=MUTED, linewidth=0.9, label="each at its time"),
        Line2D([], [], color=HARM, linewidth=2.0, label="evidence that the canary is worse"),
        Line2D([], [], color=SAFE, linewidth=2.0, linestyle=DASHED, label="evidence that it is not"),
        Line2D([], [], color=MUTED, linewidth=1.3, linestyle=":", label="needed"),
    ]
    if decided_at(replayed.judgment) is not None:
        colour = VERDICT[replayed.judgment.verdict]
        lines.append(Line2D([], [], color=colour, linewidth=1.6, label=f"verdict: {replayed.judgment.verdict}"))
    return lines
