"""Several tests, one verdict: p-values are corrected so that asking more questions doesn't find more by luck.

Called by `turnout.evaluation.changes` for the metrics and for the slices of a comparison.
"""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values in the order given: compared with alpha, they err in any of the tests at most as often.

    The k-th smallest of n is multiplied by n - k + 1 and is at least the one before it (Holm, Scandinavian Journal of
    Statistics 1979). It holds however the tests depend on each other.

    Raises:
        ValueError: a value outside [0, 1].
    """
    if not all(0.0 <= p <= 1.0 for p in p_values):
        raise ValueError("a p-value is not between 0 and 1")
    adjusted, least = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = least
    return adjusted


def holm_of_able(p_values: Sequence[float], least: Sequence[float], *, alpha: float) -> list[float]:
    """As `holm`, over those tests alone whose `least` possible p reaches `alpha`; the others keep their own.

    A test that can't reject can't err, so it costs the others nothing (Tarone, Biometrics 1990). `least` must be known
    before the outcome is looked at, as that of a sign-flip test is from the number of differences that aren't 0.
    """
    able = [place for place, lowest in enumerate(least) if lowest <= alpha]
    adjusted = list(p_values)
    for place, p in zip(able, holm([p_values[place] for place in able]), strict=True):
        adjusted[place] = p
    return adjusted
