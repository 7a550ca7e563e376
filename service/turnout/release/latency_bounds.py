"""The times at which the service's histograms count. Read by the service, which makes them, and by `rules`: an
objective between two of them could not be measured."""

from __future__ import annotations

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds, ascending; a request that takes exactly as long counts as within."""


def nearest_ms(within_ms: float) -> list[float]:
    """The bounds on either side, in milliseconds; one alone below the first and above the last."""
    bounds = [bound * 1000 for bound in SECONDS]
    below = [bound for bound in bounds if bound <= within_ms]
    above = [bound for bound in bounds if bound > within_ms]
    return below[-1:] + above[:1]
