"""The classifier's cases about index settings and the root of a mapping: each needs an index of its own."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from turnout.plan.change import ABSENT


class WholeCase(NamedTuple):
    """A setting or a key of the mapping's root as it was and as it shall be; `ABSENT` where there is none."""

    group: str
    name: str
    before: Any
    after: Any

    @property
    def what(self) -> str:
        """In words."""
        return f"{self.name}: {_said(self.before)} → {_said(self.after)}"


_ENGLISH = {"analyzer": {"a": {"type": "english"}}}
_SIMPLE = {"analyzer": {"a": {"type": "simple"}}}
_NORMALIZER = {"normalizer": {"n": {"type": "custom", "filter": ["lowercase"]}}}
SETTINGS: dict[str, tuple[Any, ...]] = {
    "refresh_interval": ("5s", "30s", "-1"),
    "number_of_replicas": (0, 1),
    "auto_expand_replicas": ("0-1", "false"),
    "search.slowlog.threshold.query.warn": ("1s", "2s"),
    "indexing.slowlog.threshold.index.warn": ("1s", "2s"),
    "max_result_window": (20_000, 5000),
    "max_inner_result_window": (200, 50),
    "max_terms_count": (100_000, 1000),
    "mapping.total_fields.limit": (2000, 500),
    "mapping.nested_objects.limit": (20_000, 5000),
    "mapping.nested_fields.limit": (200, 20),
    "mapping.depth.limit": (30, 10),
    "mapping.ignore_malformed": (True, False),
    "mapping.coerce": (True, False),
    "mapping.ignore_above": (100, 200),
    "mapping.source.mode": ("stored", "synthetic"),
    "mapping.exclude_source_vectors": (True, False),
    "number_of_shards": (1, 2),
    "number_of_routing_shards": (2, 4),
    "routing_partition_size": (1,),
    "codec": ("default", "best_compression"),
    "sort.field": ("kind",),
    "store.type": ("niofs", "hybridfs"),
    "analysis": (_ENGLISH, _SIMPLE, _NORMALIZER),
    "similarity": ({"s": {"type": "BM25", "k1": 1}}, {"s": {"type": "BM25", "k1": 2}}),
    "similarity.default": ({"type": "BM25", "k1": 1}, {"type": "boolean"}),
    "query.default_field": (["kind"], ["*"]),
    "max_docvalue_fields_search": (50, 200),
    "blocks.write": (False,),
    "default_pipeline": ("_none",),
    "final_pipeline": ("_none",),
    "gc_deletes": ("60s", "120s"),
    "hidden": (True, False),
    "load_fixed_bitset_filters_eagerly": (True, False),
}
FIELDS = {"kind": {"type": "keyword"}, "title": {"type": "text"}}
DOCUMENT = {"kind": "probe", "title": "probe"}
_RUNTIME = {"day": {"type": "long"}}
# Key of the root -> the values that it may have; it may also be left out.
ROOT: dict[str, tuple[Any, ...]] = {
    "dynamic": (True, False, "strict", "runtime"),
    "_source": ({"enabled": True}, {"enabled": False}, {"includes": ["kind"]}, {"excludes": ["title"]}),
    "_routing": ({"required": True}, {"required": False}),
    "_meta": ({"team": "a"}, {"team": "b"}),
    "runtime": (
        _RUNTIME,
        {"day": {"type": "keyword"}},
        {**_RUNTIME, "night": {"type": "keyword"}},
        {"kind": {"type": "long"}},
    ),
    "dynamic_templates": (
        [{"x": {"match": "x_*", "mapping": {"type": "keyword"}}}],
        [{"x": {"match": "x_*", "mapping": {"type": "text"}}}],
    ),
    "date_detection": (True, False),
    "numeric_detection": (True, False),
    "dynamic_date_formats": (["yyyy"], ["yyyy-MM"]),
    "subobjects": (True, False),
    "enabled": (True, False),
}


# These change what the others do in the same index.
_ALONE = frozenset({"auto_expand_replicas", "mapping.source.mode", "sort.field", "blocks.write", "enabled"})


def whole_cases() -> Iterator[WholeCase]:
    """Each setting and each key of the root, added, removed and changed."""
    for name, values in SETTINGS.items():
        for before, after in itertools.permutations((ABSENT, *values), 2):
            yield WholeCase("settings", name, before, after)
    for name, values in ROOT.items():
        for before, after in itertools.permutations((ABSENT, *values), 2):
            yield WholeCase("root", name, before, after)


def rounds(cases: Iterable[WholeCase]) -> Iterator[list[WholeCase]]:
    """The cases in as few lists as can be, each name at most once in a list: a list shares an index."""
    waiting: list[list[WholeCase]] = []
    taken: Counter[str] = Counter()
    for case in cases:
        if case.name in _ALONE:
            yield [case]
            continue
        place, taken[case.name] = taken[case.name], taken[case.name] + 1
        waiting += [[] for _ in range(place + 1 - len(waiting))]
        waiting[place].append(case)
    yield from waiting


def body(case: WholeCase, value: Any) -> dict[str, Any]:
    """A create-index body that has this and nothing else of its kind."""
    given = {} if value is ABSENT else {case.name: value}
    mappings = {"properties": FIELDS, **(given if case.group == "root" else {"dynamic": "strict"})}
    return {"settings": given if case.group == "settings" else {}, "mappings": mappings}


def _said(value: Any) -> str:
    return "-" if value is ABSENT else str(value)
