"""The rule for `index_options` of dense_vector: what Elasticsearch takes in place, and why we never use it.

Elasticsearch 9.3+ takes many of these changes on a live index. None is additive: the index is shared with the stable
release, whose results the change would alter at once or, segment by segment, as merges rewrite them; and until then
the graph that `verify` measures is a mixture that no release describes. So the class is `copy` in every case, and what
the server would do is written down only to be confirmed.
"""

from __future__ import annotations

from typing import Any, Literal

from turnout.plan.change import ABSENT

_HNSW = frozenset({"hnsw", "int8_hnsw", "int4_hnsw", "bbq_hnsw"})
_QUANTISED = ("hnsw", "int8_hnsw", "int4_hnsw", "bbq_hnsw")

# Type -> the other types that the server takes in place of it. Tried on 9.4.3, every pair.
TRANSITIONS: dict[str, frozenset[str]] = {
    "flat": frozenset({"int8_flat", "int4_flat", "bbq_flat"}) | _HNSW,
    "int8_flat": frozenset({"int4_flat", "bbq_flat"}) | _HNSW,
    "int4_flat": frozenset({"bbq_flat"}) | _HNSW,
    "bbq_flat": frozenset({"bbq_hnsw"}),
    **{kind: frozenset(_QUANTISED[place + 1 :]) for place, kind in enumerate(_QUANTISED)},
}

_DEFAULT_M = 16

Taken = Literal["takes", "refuses", "unknown"]


def index_options_rule(before: Any, after: Any) -> tuple[Taken, str]:
    """What the server does with this change of `index_options` in place, and the reason why it is `copy` for us."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return "unknown", "the server's default index_options differ between versions, so leaving them out says nothing"
    old, new = str(before.get("type")), str(after.get("type"))
    if old not in TRANSITIONS or new not in TRANSITIONS:
        return "unknown", f"no rule is known for {old} -> {new}"
    if old != new:
        taken: Taken = "takes" if new in TRANSITIONS[old] and not _m_shrinks(before, after) else "refuses"
        return taken, (
            "another way to store and search vectors changes the results of the stable release that shares the index"
        )
    if _m_shrinks(before, after):
        return "refuses", "a graph can't lose edges: m may not shrink in place"
    if before.get("m", ABSENT) != after.get("m", ABSENT):
        return "takes", (
            "segments written before keep their graph until merged, so the index would be a mixture of two, "
            "and a larger m takes memory from the stable release"
        )
    if before.get("ef_construction", ABSENT) != after.get("ef_construction", ABSENT):
        return "takes", "segments written before keep the graph built with the old ef_construction"
    return "takes", "it changes what the stable release finds in the shared index"


def _m_shrinks(before: dict[str, Any], after: dict[str, Any]) -> bool:
    if before.get("type") not in _HNSW or after.get("type") not in _HNSW:
        return False
    return _number(after.get("m")) < _number(before.get("m"))


def _number(m: Any) -> int:
    return m if isinstance(m, int) else _DEFAULT_M
