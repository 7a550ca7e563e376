"""The field types that the rules know. A new field of any other type is `copy`: it may do more than lie there empty.

`join` and `percolator` may be in an index once or cost every document something, `semantic_text` calls a model,
`passthrough` gives the names of its children to the root, and of a plugin's type we can't know.
"""

from __future__ import annotations

NUMBERS = frozenset(
    {"long", "integer", "short", "byte", "double", "float", "half_float", "scaled_float", "unsigned_long"}
)
_RANGES = frozenset({"integer_range", "float_range", "long_range", "double_range", "date_range", "ip_range"})
CONTAINERS = frozenset({"object", "nested"})
KNOWN_TYPES = (
    frozenset({"text", "match_only_text", "search_as_you_type", "token_count", "completion"})
    | frozenset({"keyword", "constant_keyword", "wildcard", "flattened", "version"})
    | frozenset({"date", "date_nanos", "boolean", "binary", "ip", "geo_point", "geo_shape", "point", "shape"})
    | frozenset({"dense_vector", "sparse_vector", "rank_feature", "rank_features", "histogram", "alias"})
    | NUMBERS
    | _RANGES
    | CONTAINERS
)
