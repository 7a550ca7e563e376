"""Is a difference between two runs more than luck? Paired, seeded, the same answer each time.

The sign-flip permutation test asks how often a mean as low (or high) comes up when each query's difference may as
well have the other sign; the bootstrap interval says how large the difference is. Both are about the mean over queries
(Smucker, Allan and Carterette, CIKM 2007, find the permutation test and the bootstrap fit for ranking metrics and the
Wilcoxon and sign tests not). Called by `turnout.evaluation.changes`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from turnout.evaluation import draws

Floats = NDArray[np.float64]

EXACT_UP_TO = 16  # 2^16 sign patterns cost less than the Monte Carlo sample
RESAMPLES = 20_000
_TIE = 1e-12  # sums of the same numbers in another order differ by less, relative to the sum of magnitudes


class SignFlip(NamedTuple):
    """p-values of a mean difference: as low (`harm`), as high (`gain`), as far from 0 (`two_sided`)."""

    p_harm: float
    p_gain: float
    p_two_sided: float
    exact: bool


class Interval(NamedTuple):
    """Bounds of the mean difference at `level` (0.95 means 95 %)."""

    low: float
    high: float
    level: float


def paired_differences(candidate: Sequence[float], baseline: Sequence[float]) -> Floats:
    """Candidate minus baseline, per query.

    Raises:
        ValueError: unequal lengths, none at all, or a value that is not a finite number.
    """
    left, right = np.asarray(candidate, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    if left.shape != right.shape:
        raise ValueError(f"{left.size} values can't be paired with {right.size}")
    return _checked(left) - _checked(right)


def sign_flip(differences: Sequence[float] | Floats, *, seed: int, resamples: int = RESAMPLES) -> SignFlip:
    """Paired sign-flip permutation test of the mean.

    All sign patterns are counted when at most 16 differences are not 0; otherwise `resamples` seeded ones, with the
    observed pattern among them: p = (b + 1) / (m + 1) (Phipson and Smyth 2010), which is never 0.

    Raises:
        ValueError: none at all, or a value that is not a finite number.
    """
    values = _checked(differences)
    values = values[values != 0.0]
    if values.size == 0:
        return SignFlip(1.0, 1.0, 1.0, exact=True)
    exact = values.size <= EXACT_UP_TO
    observed, tie = float(values.sum()), _TIE * float(np.abs(values).sum())
    low = high = far = total = 0
    for sums in [_all_sums(values)] if exact else _random_sums(values, seed, resamples):
        low += int(np.count_nonzero(sums <= observed + tie))
        high += int(np.count_nonzero(sums >= observed - tie))
        far += int(np.count_nonzero(np.abs(sums) >= abs(observed) - tie))
        total += sums.size
    own = 0 if exact else 1  # all patterns include the observed one, a sample doesn't
    p_harm, p_gain, p_two_sided = ((count + own) / (total + own) for count in (low, high, far))
    return SignFlip(p_harm, p_gain, p_two_sided, exact=exact)


def least_p(differences: Sequence[float] | Floats, *, resamples: int = RESAMPLES) -> float:
    """The least one-sided p that `sign_flip` can give for differences of these magnitudes, whatever their signs.

    Known before any sign is looked at: a test that can't reach alpha need not be corrected for (Tarone, Biometrics
    1990).
    """
    moved = int(np.count_nonzero(_checked(differences)))
    return 2.0**-moved if moved <= EXACT_UP_TO else 1.0 / (resamples + 1)


def bootstrap_interval(
    differences: Sequence[float] | Floats, *, level: float, seed: int, resamples: int = RESAMPLES
) -> Interval:
    """One of `bootstrap_intervals`."""
    return bootstrap_intervals(differences, levels=(level,), seed=seed, resamples=resamples)[0]


def bootstrap_intervals(
    differences: Sequence[float] | Floats, *, levels: Sequence[float], seed: int, resamples: int = RESAMPLES
) -> list[Interval]:
    """Bias-corrected and accelerated (BCa) bootstrap intervals of the mean (Efron, JASA 1987), one for each level.

    BCa and not the plain percentiles, because differences of ranking metrics are skewed and have many zeros.

    Raises:
        ValueError: none at all, a value that is not a finite number, or a level outside (0, 1).
    """
    values = _checked(differences)
    for level in levels:
        if not 0.0 < level < 1.0:
            raise ValueError(f"level {level} is not between 0 and 1")
    if np.ptp(values) == 0.0:
        return [Interval(float(values[0]), float(values[0]), level) for level in levels]
    means = np.concatenate(list(_resampled_means(values, seed, resamples)))
    tails = [tail for level in levels for tail in ((1.0 - level) / 2.0, (1.0 + level) / 2.0)]
    bounds = [float(bound) for bound in np.quantile(means, _bca_quantiles(values, means, tails))]
    return [Interval(low, high, level) for low, high, level in zip(bounds[::2], bounds[1::2], levels, strict=True)]


def _bca_quantiles(values: Floats, means: Floats, tails: Sequence[float]) -> list[float]:
    """The tails, moved by the bias (share of resampled means below the observed one) and by the skew."""
    normal = NormalDist()
    centred = (values - values.mean()) / np.ptp(values)  # the skew has no scale; cubes of tiny numbers would vanish
    observed, tie = values.mean(), _TIE * float(np.abs(values).mean())
    equal = np.abs(means - observed) <= tie  # the same mean of other summands differs in the last digits
    below = float(np.mean((means < observed) & ~equal) + np.mean(equal) / 2.0)
    if not 0.0 < below < 1.0:
        return list(tails)
    bias = normal.inv_cdf(below)
    acceleration = float((centred**3).sum() / (6.0 * (centred**2).sum() ** 1.5))
    moved = []
    for tail in tails:
        shift = bias + normal.inv_cdf(tail)
        moved.append(normal.cdf(bias + shift / (1.0 - acceleration * shift)))
    return moved


def _checked(differences: Sequence[float] | Floats) -> Floats:
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or values.size == 0:
        raise ValueError("no differences to judge")
    if not np.isfinite(values).all():
        raise ValueError("a difference is not a finite number")
    return values


def _all_sums(values: Floats) -> Floats:
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def _random_sums(values: Floats, seed: int, resamples: int) -> Iterator[Floats]:
    for signs in draws.signs(values.size, seed=seed, resamples=resamples):
        yield signs @ values


def _resampled_means(values: Floats, seed: int, resamples: int) -> Iterator[Floats]:
    for counts in draws.counts(values.size, seed=seed, resamples=resamples):
        yield counts @ values / values.size
