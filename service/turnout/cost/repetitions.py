"""Repetitions of a backfill as rows of numbers, and what is told of them. Made by `backfill` and `pool`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from turnout.cost.documents import Numbers
from turnout.cost.events import Tally
from turnout.cost.result import Fill, Spread
from turnout.release.artifacts import Release

HOURS, TOKENS = 4, 1
"""Columns of a row."""


@dataclass(frozen=True)
class Runs:
    """Repetitions of a backfill: a row of passages, tokens, requests, retried and hours for each; the most money that
    was spent and set aside at once; whether the patience came to an end in between; and how it was simulated."""

    rows: Numbers
    peaks: Numbers
    gave_up: Numbers
    how: str

    def fill(self, release: Release) -> Fill:
        """The repetitions in the words of the result."""
        per_token = release.model.price.per_million_tokens / 1e6
        passages, tokens, requests, retried, hours = (spread(column) for column in self.rows.T)
        return Fill(
            passages=passages,
            tokens=tokens,
            requests=requests,
            retried=retried,
            money=Spread(p50=tokens.p50 * per_token, p95=tokens.p95 * per_token),
            hours=hours,
            beyond_budget=float(np.mean(self.peaks > release.pipeline.budget.per_backfill)),
            gave_up=float(np.mean(self.gave_up)),
        )


def spread(values: Numbers) -> Spread:
    """Median and 95th percentile."""
    low, high = np.quantile(values, (0.5, 0.95)).tolist()
    return Spread(p50=low, p95=high)


def row(tally: Tally, passages: float) -> list[float]:
    """A repetition, or a part of one."""
    return [passages, tally.tokens, tally.requests, tally.retried, tally.seconds / 3600]
