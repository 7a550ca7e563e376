"""Rules for index settings. Elasticsearch spells them in several ways; the rule looks at the dotted name without
`index.`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from turnout.plan.change import ABSENT, Change, Difference, pointer, same

SETTINGS: tuple[str, ...] = ("mapping", "settings")

# Can be set on a live index, and whoever searches gets the same results.
HARMLESS = {
    "refresh_interval": "how soon a write is seen; can be set while the index is used",
    "number_of_replicas": "copies for availability and load; can be set while the index is used",
    "auto_expand_replicas": "copies for availability and load; can be set while the index is used",
    "search.slowlog": "what is logged; can be set while the index is used",
    "indexing.slowlog": "what is logged; can be set while the index is used",
}

# Name -> the server's default. Raising a limit can't break a request that was within the old one.
LIMITS = {
    "max_result_window": 10_000,
    "max_inner_result_window": 100,
    "max_terms_count": 65_536,
    "mapping.total_fields.limit": 1000,
    "mapping.nested_objects.limit": 10_000,
    "mapping.depth.limit": 20,
}

STATIC = {
    "number_of_shards": "the number of shards is fixed when an index is made",
    "number_of_routing_shards": "routing is fixed when an index is made",
    "routing_partition_size": "routing is fixed when an index is made",
    "codec": "how segments are compressed is fixed when an index is made",
    "sort": "the order inside segments is fixed when an index is made",
    "analysis": "analysis is static: documents written before aren't analysed again",
    "similarity": "scoring is fixed when an index is made",
    "store": "how files are opened is fixed when an index is made",
    "mapping.source": "how sources are kept is fixed when an index is made",
    "mapping.exclude_source_vectors": "how sources are kept is fixed when an index is made",
}

Server = Literal["takes", "refuses", "unknown"]


def settings_differences(base: dict[str, Any], head: dict[str, Any]) -> Iterator[Difference]:
    """Differences between two `settings` bodies."""
    if same(flat_settings(base), flat_settings(head)):
        if not same(base, head):
            reason = "written another way, the same meaning"
            yield Difference(
                path=pointer(SETTINGS), before=base, after=head, change=Change.IN_PLACE, reason=reason, server="takes"
            )
        return
    yield from _walk(base, head, ())


def flat_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings by their dotted name without `index.`, values as the server reads them: strings."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            flat |= {setting_name((key, name)): inner for name, inner in flat_settings(value).items()}
        elif isinstance(value, list):
            flat[setting_name((key,))] = [_text(item) for item in value]
        else:
            flat[setting_name((key,))] = _text(value)
    return flat


def _text(value: Any) -> Any:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def setting_name(tokens: tuple[str, ...]) -> str:
    """The dotted name of a setting, without `index.`."""
    return ".".join(tokens).removeprefix("index.")


def _walk(before: dict[str, Any], after: dict[str, Any], at: tuple[str, ...]) -> Iterator[Difference]:
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key, ABSENT), after.get(key, ABSENT)
        if same(old, new):
            continue
        name = setting_name((*at, key))
        if _group(old, new) and _find(STATIC, name) is None:
            yield from _walk(old or {}, new or {}, (*at, key))
            continue
        change, server, reason = _rule(name, old, new)
        path = pointer((*SETTINGS, *at, key))
        yield Difference(path=path, before=old, after=new, change=change, reason=reason, server=server)


def _group(old: Any, new: Any) -> bool:
    """Settings written as an object, here or on the other side, where the other may have none of them."""
    return all(value is ABSENT or isinstance(value, dict) for value in (old, new))


def _rule(name: str, old: Any, new: Any) -> tuple[Change, Server, str]:
    if (reason := _find(HARMLESS, name)) is not None:
        return Change.IN_PLACE, "takes", reason
    if name in LIMITS:
        if _limit(name, new) >= _limit(name, old) >= 0:
            return Change.IN_PLACE, "takes", "a higher limit; requests within the old one aren't touched"
        return Change.COPY, "takes", "a lower limit could refuse what the stable release still asks or writes"
    if (reason := _find(STATIC, name)) is not None:
        return Change.COPY, "unknown" if new is ABSENT else "refuses", reason
    return Change.COPY, "unknown", f"no rule is known for {name}: the documents are written again to be safe"


def _find(table: dict[str, str], name: str) -> str | None:
    return next((reason for key, reason in table.items() if name == key or name.startswith(f"{key}.")), None)


def _limit(name: str, value: Any) -> int:
    if value is ABSENT or value is None:
        return LIMITS[name]
    try:
        return int(value)
    except (TypeError, ValueError):
        return -1
