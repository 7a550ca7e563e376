"""Rules for index settings. Elasticsearch spells them in several ways; the rule looks at the dotted name without
`index.`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

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
    "mapping.ignore_malformed": "what fields take by default is fixed when an index is made",
    "mapping.ignore_above": "what fields take by default is fixed when an index is made",
    "mapping.coerce": "what fields take by default is fixed when an index is made",
    "load_fixed_bitset_filters_eagerly": "what is loaded with a segment is fixed when an index is made",
}

# The server takes these, but they aren't additive.
NOT_ADDITIVE = {
    "default_pipeline": "documents that the stable release writes would pass through another pipeline",
    "final_pipeline": "documents that the stable release writes would pass through another pipeline",
    "query.default_field": "searches that name no field would ask others at once",
    "blocks": "the stable release might not be able to read or write any more",
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
    yield from _differing(base, head)


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


class _Written(NamedTuple):
    """A setting, or what stands under a name of `STATIC`, as it is written in a body."""

    tokens: tuple[str, ...]
    value: Any


def _differing(base: dict[str, Any], head: dict[str, Any]) -> Iterator[Difference]:
    """By the settings' names, however each side spells them."""
    before, after = _by_name(base), _by_name(head)
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was and now and _flat_value(name, was.value) == _flat_value(name, now.value):
            continue
        old, new = was.value if was else ABSENT, now.value if now else ABSENT
        change, server, reason = _rule(name, old, new)
        at = now or was
        path = pointer((*SETTINGS, *(at.tokens if at else ())))
        yield Difference(path=path, before=old, after=new, change=change, reason=reason, server=server)


def _flat_value(name: str, value: Any) -> dict[str, Any]:
    return flat_settings({name: value})


def _by_name(settings: dict[str, Any]) -> dict[str, _Written]:
    """Settings by name; all that belongs to one name of `STATIC` is one."""
    found: dict[str, _Written] = {}
    for tokens, value in _leaves(settings, ()):
        name = setting_name(tokens)
        group = next((key for key in STATIC if name.startswith(f"{key}.")), None)
        if group is None:
            found[name] = _Written(tokens, value)
            continue
        rest = name.removeprefix(f"{group}.")
        known = found.get(group, _Written((), {}))
        found[group] = _Written((group,), {**known.value, rest: value})
    return found


def _leaves(settings: dict[str, Any], at: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in settings.items():
        here = (*at, key)
        if isinstance(value, dict) and setting_name(here) in STATIC:
            for name, inner in flat_settings(value).items():
                yield (*here, name), inner
        elif isinstance(value, dict):
            yield from _leaves(value, here)
        else:
            yield here, value


def _rule(name: str, old: Any, new: Any) -> tuple[Change, Server, str]:
    if name == "refresh_interval" and _text(new) == "-1":
        return Change.COPY, "takes", "the stable release's searches would see no write any more"
    if (reason := _find(HARMLESS, name)) is not None:
        return Change.IN_PLACE, "takes", reason
    if name in LIMITS:
        if _limit(name, new) >= _limit(name, old) >= 0:
            return Change.IN_PLACE, "takes", "a higher limit; requests within the old one aren't touched"
        return Change.COPY, "takes", "a lower limit could refuse what the stable release still asks or writes"
    if (reason := _find(STATIC, name)) is not None:
        return Change.COPY, "refuses", reason
    if (reason := _find(NOT_ADDITIVE, name)) is not None:
        return Change.COPY, "takes", reason
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
