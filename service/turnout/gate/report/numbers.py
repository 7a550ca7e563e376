"""Numbers as the gate's report writes them: short, with unit, never longer than a cell, whatever came in.

Used by every section. Figures come from a pull request's files and from simulations on them, so nan, infinity and
thousand-digit values end here.
"""

from __future__ import annotations

import math

from turnout.plan.explain import UNKNOWN, size
from turnout.release.findings import printable

_HUGE = 1e15
_TINY = 0.001
_CURRENCY_LETTERS = 8


def clip(text: str, length: int) -> str:
    """Text on one line, without control characters, cut at `length` characters."""
    shown = printable(" ".join(text[: 4 * length].split()))
    return shown if len(shown) <= length else shown[: length - 1] + "…"


def finite(number: float | None) -> bool:
    """Whether there is a number to show."""
    return number is not None and math.isfinite(number)


def plain(number: float | None, digits: int = 3) -> str:
    """A number with so many decimals; a dash where there is none."""
    if number is None or math.isnan(number):
        return UNKNOWN
    return f"{number:,.{digits}f}" if abs(number) < _HUGE else f"{number:.3g}"


def signed(number: float | None, digits: int = 3) -> str:
    """A difference: the sign is always there, but for one that rounds to zero, which is neither gain nor loss."""
    if number is None or math.isnan(number):
        return UNKNOWN
    if round(number, digits) == 0:
        return plain(0.0, digits)
    return f"{number:+,.{digits}f}" if abs(number) < _HUGE else f"{number:+.3g}"


def interval(low: float, high: float, digits: int = 3) -> str:
    """Both ends of an interval."""
    return f"{signed(low, digits)} to {signed(high, digits)}"


def probability(p: float) -> str:
    """A p value: three decimals, and a bound where that would be zero."""
    return "< 0.001" if 0 <= p < _TINY else plain(p)


def share(number: float | None) -> str:
    """A share as per cent."""
    return UNKNOWN if number is None or math.isnan(number) else f"{plain(100 * number, 1)} %"


def quantity(number: float | None) -> str:
    """An amount of anything: as many digits as it takes to read it."""
    if number is None or math.isnan(number):
        return UNKNOWN
    size_of = abs(number)
    if size_of >= _HUGE or size_of < 1:
        return f"{number:.3g}"
    digits = 0 if size_of >= 100 or number == round(number) else 2
    return f"{number:,.{digits}f}"


def money(number: float | None, currency: str) -> str:
    """An amount of money with its currency."""
    if number is None or math.isnan(number):
        return UNKNOWN
    shown = plain(number, 2) if 1 <= abs(number) < 100 else quantity(number)
    return f"{shown} {clip(currency, _CURRENCY_LETTERS)}"


def milliseconds(number: float) -> str:
    """A latency."""
    return f"{plain(number, 1)} ms"


def hours(number: float | None) -> str:
    """A time given in hours, in the unit that fits."""
    if number is None or math.isnan(number):
        return UNKNOWN
    for unit, length in (("days", 1 / 24), ("h", 1.0), ("min", 60.0)):
        if number * length >= 1 and (unit != "days" or number >= 48):
            return f"{plain(number * length, 1)} {unit}"
    return f"{plain(number * 3600, 0)} s"


def times(base: float | None, head: float | None) -> str:
    """How many times as much the head is; a dash where that can't be said."""
    if base is None or head is None or not base > 0 or not math.isfinite(base) or not math.isfinite(head):
        return UNKNOWN
    ratio = head / base
    return "the same" if abs(ratio - 1) < 0.005 else f"{quantity(ratio)} times"


def data_size(number: int | None) -> str:
    """Bytes; what is larger than any disk as a power of ten."""
    return f"{float(min(number, 10**300)):.2g} B" if number is not None and number > 2**60 else size(number)
