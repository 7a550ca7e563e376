"""What a query set can show: the least loss that it finds, and how often it finds a given one.

A gate that passes says little if it could not have failed. `compare` prints the least detectable loss beside its
verdict; the bench of the gate asks for the power.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import msgspec
import numpy as np

from turnout.evaluation.changes import metric_change
from turnout.evaluation.deciding import SLICES_SHARE, is_loss, is_loss_beyond_margin
from turnout.evaluation.metrics import METRICS
from turnout.evaluation.statistics import Floats
from turnout.release.artifacts import QualityGate

POWER = 0.8


def minimum_detectable_loss(
    differences: Sequence[float] | Floats, *, alpha: float, power: float = POWER, at_least: float = 0.0
) -> float | None:
    """The least true mean loss that a one-sided test at `alpha` finds with `power`; None without any spread.

    max(t[1 - alpha] * s / sqrt(n), at_least) + t[power] * s / sqrt(n), with the sample's standard deviation s, its size
    n, and quantiles of Student's t with n - 1 degrees of freedom: the minimum detectable effect of Bloom (Evaluation
    Review 19(5), 1995). It takes the mean for nearly normal and the differences for about
    symmetric: where a few queries gain much and many lose a little, the power at this loss is nearer 0.75 than 0.8.

    Args:
        differences: per query; only their spread counts.
        at_least: an observed loss of no more than this is not counted as one.

    Raises:
        ValueError: alpha or power outside (0, 1).
    """
    if not (0.0 < alpha < 1.0 and 0.0 < power < 1.0):
        raise ValueError(f"alpha {alpha} and power {power} must lie between 0 and 1")
    values = np.asarray(differences, dtype=np.float64)
    if values.size < 2 or np.ptp(values) == 0.0:
        return None
    error = float(values.std(ddof=1)) / math.sqrt(values.size)
    freedom = values.size - 1
    return max(t_quantile(1 - alpha, freedom) * error, at_least) + t_quantile(power, freedom) * error


def detectable_loss(differences: Floats, level: float, *, max_loss: float) -> float | None:
    """The least loss of the gate's metric that `compare` finds in 0.8 of the cases, by whichever of its rules.

    The correction over the metrics is taken at its worst: that no other metric loses with it.

    Args:
        level: as `metrics_level` gives it.
    """
    corrected = minimum_detectable_loss(differences, alpha=level / len(METRICS))
    alone = minimum_detectable_loss(differences, alpha=level, at_least=max_loss)
    return None if corrected is None or alone is None else min(corrected, alone)


def power_of(
    differences: Sequence[float] | Floats,
    *,
    loss: float,
    queries: int,
    gate: QualityGate,
    repetitions: int = 1000,
    resamples: int = 4000,
) -> float:
    """How often a true mean loss of the gate's metric fails a comparison of `queries` queries, as a share.

    The differences are centred and shifted to the loss, so that they keep their real spread and skew; each repetition
    draws `queries` of them with replacement (seeded by the gate) and asks the rules of `compare`. No other metric is
    taken to lose, and the slices use their share of alpha without finding anything: in a real comparison they may only
    add to it.

    Args:
        differences: per query, of two real runs.
        loss: above 0, in units of the metric.
        resamples: of each test and interval; fewer than `compare` takes blur a p-value but don't bias it.
    """
    values = np.asarray(differences, dtype=np.float64)
    values = values - values.mean() - loss
    rng = np.random.default_rng(gate.seed)
    level, found = (1 - SLICES_SHARE) * gate.alpha, 0
    for _ in range(repetitions):
        drawn = rng.choice(values, size=queries)
        change = metric_change(gate.metric, drawn, (0.0, float(drawn.mean())), gate=gate, resamples=resamples)
        worst = msgspec.structs.replace(change, p_harm_holm=min(1.0, len(METRICS) * change.p_harm))
        found += is_loss(worst, level) or is_loss_beyond_margin(worst, level, gate=gate)
    return found / repetitions


def t_quantile(probability: float, freedom: int) -> float:
    """Quantile of Student's t: exact for 1 and 2 degrees of freedom, else by four terms in 1 / freedom.

    The expansion around the normal quantile is 26.7.5 of Abramowitz and Stegun (Handbook of Mathematical Functions,
    1964). From 9 degrees of freedom on it is within 0.001 for probabilities of 0.005 to 0.995.
    """
    if freedom == 1:
        return math.tan(math.pi * (probability - 0.5))
    if freedom == 2:
        return (2 * probability - 1) / math.sqrt(2 * probability * (1 - probability))
    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / float(freedom) ** place for place, term in enumerate(terms, 1))
