"""Values as people read them, for each of Grafana's units that the dashboards use. Used by `picture_panels`."""

from __future__ import annotations

_Steps = tuple[tuple[float, str], ...]
_COUNTS: _Steps = ((1e9, " G"), (1e6, " M"), (1e3, " k"), (1.0, ""))
UNITS: dict[str, _Steps] = {
    "short": _COUNTS,
    "percentunit": ((0.01, " %"),),
    "s": ((2 * 86400.0, " d"), (2 * 3600.0, " h"), (120.0, " min"), (1.0, " s"), (1e-3, " ms")),
    "reqps": tuple((size, f"{word}/s") for size, word in _COUNTS),
    "bytes": ((1e12, " TB"), (1e9, " GB"), (1e6, " MB"), (1e3, " kB"), (1.0, " B")),
}
"""By the unit's name in Grafana: from which value on a larger word is used, and that word."""
_SIZES = {" d": 86400.0, " h": 3600.0, " min": 60.0}


def scale(unit: str, highest: float) -> tuple[float, str]:
    """How large one step of an axis' unit is, and its word, if `highest` is the largest value on the axis."""
    steps = UNITS[unit]
    found = next(((size, word) for size, word in steps if highest >= size), steps[-1])
    if unit in ("short", "reqps") and highest < 1:
        found = steps[-1]
    return _SIZES.get(found[1], found[0]), found[1]
