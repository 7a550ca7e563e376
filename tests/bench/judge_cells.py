"""One cell of the simulation: a scenario at a rate, judged by turnout and by its peers on the same counts.

Read by bench_judge.py, in a process of its own for each batch of runs.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import judge_peers
import numpy as np
from judge_minutes import NEVER
from judge_scenarios import MINUTES, WINDOW_S, Array, Scenario
from judge_world import draw

from turnout.canary.course import course
from turnout.release.artifacts import CanaryGates

SEED = 20260101
BATCH = 500
OURS = "turnout"
_Z = 1.959964


@dataclass(frozen=True)
class Outcome:
    """When each run of a cell ended: minutes from the start, infinity for never; (runs,).

    Args:
        stopped: by policy.
        promoted: when turnout's verdict became pass, if it wasn't fail by then.
        blamed: how many of turnout's stops each metric made, alone or with others at the same look.
    """

    stopped: dict[str, Array]
    promoted: Array
    blamed: dict[str, int] = field(default_factory=dict)


def run(scenario: Scenario, rps: float, runs: int, *, batch: int) -> Outcome:
    """Draw and judge a batch; the same numbers for the same arguments."""
    seed = np.random.SeedSequence([SEED, zlib.crc32(scenario.name.encode()), int(rps), batch])
    samples = draw(scenario, rps, runs, rng=np.random.default_rng(seed))
    found = course(samples, CanaryGates())
    failed, passed = _minutes(found.failed_at), _minutes(found.passed_at)
    blamed = {
        each.metric: int(((each.failed_at >= 0) & (each.failed_at == found.failed_at)).sum()) for each in found.metrics
    }
    return Outcome(
        stopped={OURS: failed, **judge_peers.stopped(samples)},
        promoted=np.where(passed < failed, passed, NEVER),
        blamed=blamed,
    )


def together(outcomes: list[Outcome]) -> Outcome:
    """The batches of one cell as one."""
    return Outcome(
        stopped={name: np.concatenate([outcome.stopped[name] for outcome in outcomes]) for name in outcomes[0].stopped},
        promoted=np.concatenate([outcome.promoted for outcome in outcomes]),
        blamed={name: sum(outcome.blamed[name] for outcome in outcomes) for name in outcomes[0].blamed},
    )


def share(ended: Array) -> tuple[float, float, float]:
    """Share of runs that ended, with its Wilson 95 % interval: (share, lower, upper)."""
    count, total = int(np.isfinite(ended).sum()), len(ended)
    part = count / total
    middle = (part + _Z**2 / (2 * total)) / (1 + _Z**2 / total)
    reach = _Z / (1 + _Z**2 / total) * np.sqrt(part * (1 - part) / total + _Z**2 / (4 * total**2))
    return part, max(0.0, float(middle - reach)), min(1.0, float(middle + reach))


def median(ended: Array) -> float:
    """Median minutes until the end, where never counts as the whole rollout."""
    return float(np.median(np.minimum(ended, MINUTES)))


def _minutes(index: np.ndarray) -> Array:
    return np.where(index >= 0, (index + 1) * WINDOW_S / 60, NEVER)
