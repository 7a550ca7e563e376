"""The panels of a trial's picture; see `picture`."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from turnout.canary.course import MetricCourse
from turnout.canary.judgment import Evidence
from turnout.canary.samples import Counts, Samples
from turnout.judge.picture_curves import decided_at, shares, shown_bound, traffic
from turnout.judge.picture_style import CANARY, DASHED, HARM, INK, MUTED, SAFE, STABLE, VERDICT, instant, time_axis
from turnout.judge.replay_judged import Replay

_TITLES = {"errors": "errors", "degraded": "degraded answers", "empty": "answers without a hit"}
_FAR_APART = 20  # times as much traffic as the canary's, from where on its own would lie on the axis
_FEW = 4  # windows, up to which a curve gets dots: a line through one point can't be seen
_LEAST = 1e-4  # a scale that is finer would make a mountain of nothing


def draw_shares(axes: Axes, replayed: Replay, evidence: Evidence) -> None:
    """The shares of both releases that went wrong: thin at each moment, thick of all searches so far."""
    axes.set_title(_title(replayed.samples, evidence))
    both = shares(replayed.samples, evidence)
    for share, colour, dashes in zip(both, (CANARY, STABLE), ("-", DASHED), strict=True):
        times, dots = instant(share.ends), _dots(share.ends)
        axes.plot(times, share.each, color=colour, linewidth=0.9, alpha=0.55, marker=dots)
        axes.plot(times, share.so_far, color=colour, linewidth=2.2, linestyle=dashes, marker=dots)
    seen = np.concatenate([curve for share in both for curve in (share.each, share.so_far)])
    top = max(float(np.nanmax(seen, initial=0.0)), _LEAST)
    axes.set_ylim(-0.03 * top, 1.08 * top)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    if not np.nansum(seen):
        axes.set_yticks([0])
        axes.text(0.5, 0.5, "none on either side", transform=axes.transAxes, ha="center", color=MUTED)
    _time(axes, replayed, ticks=5)
    axes.tick_params(labelbottom=False)


def draw_evidence(axes: Axes, replayed: Replay, metric: MetricCourse, evidence: Evidence) -> None:
    """Both e-values over time, how much of each is needed, and when that was reached."""
    top = 1.5 * max(evidence.harm_needed, evidence.safe_needed)
    bottom = -0.8 * top
    times, dots = instant(replayed.samples.ends), _dots(replayed.samples.ends)
    for log_e, needed, colour, dashes, at in (
        (metric.harm, evidence.harm_needed, HARM, "-", evidence.failed_at),
        (metric.safe, evidence.safe_needed, SAFE, DASHED, evidence.passed_at),
    ):
        axes.axhline(needed, color=colour, linewidth=1.3, linestyle=":")
        within = _within(log_e, bottom, top)
        axes.plot(times, within, color=colour, linewidth=2, linestyle=dashes, marker=dots)
        if at is not None:
            axes.plot(instant([at]), [needed], marker="o", markersize=8, color=colour, zorder=4)
    axes.set_ylim(bottom - 0.05 * top, top + 0.05 * top)
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    reached = f"worse: {evidence.harm:.1f} of {evidence.harm_needed:.1f}"
    reached += f"     not worse: {evidence.safe:.1f} of {evidence.safe_needed:.1f}"
    axes.set_title(reached, fontsize=10, fontweight="normal", color=INK)
    _time(axes, replayed, ticks=5)


def draw_traffic(axes: Axes, replayed: Replay) -> None:
    """Searches per second of both releases."""
    ends, canary, stable = traffic(replayed.samples)
    axes.plot(instant(ends), stable, color=STABLE, linewidth=1.8, linestyle=DASHED, marker=_dots(ends))
    axes.plot(instant(ends), canary, color=CANARY, linewidth=1.8, marker=_dots(ends))
    axes.set_title("traffic")
    axes.set_ylabel("searches per second")
    if 0 < canary.max() < stable.max() / _FAR_APART:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(MaxNLocator(4))
    _time(axes, replayed, ticks=14)
    axes.set_xlabel("UTC")


def _dots(ends: Counts) -> str:
    return "o" if ends.size <= _FEW else ""


def _title(samples: Samples, evidence: Evidence) -> str:
    if evidence.metric != "latency":
        return _TITLES[evidence.metric]
    bound = shown_bound(samples, evidence)
    return "slow answers" if bound is None else f"answers slower than {_seconds(bound)}"


def _seconds(bound: float) -> str:
    return f"{bound:g} s" if bound >= 1 else f"{1000 * bound:g} ms"


def _within(log_e: Counts, bottom: float, top: float) -> Counts:
    """Decimal logarithms; what leaves the panel runs along its edge."""
    return np.clip(np.nan_to_num(log_e / math.log(10), nan=0.0, posinf=top, neginf=bottom), bottom, top)


def _time(axes: Axes, replayed: Replay, *, ticks: int) -> None:
    end = max(replayed.past.until, float(replayed.samples.ends[-1]))
    time_axis(axes, replayed.past.trial.since, end, ticks=ticks)
    moment = decided_at(replayed.judgment)
    if moment is not None:
        axes.axvline(instant(moment), color=VERDICT[replayed.judgment.verdict], linewidth=1.6, zorder=1)
