"""The smallest body that changes a mapping or settings in place. Sent by `apply` and by `--confirm`.

A field that changes is sent whole, because Elasticsearch reads what a PUT leaves out as a return to the default; a
field that doesn't change isn't sent at all, for the same reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from turnout.plan.change import ABSENT, Difference, tokens_of
from turnout.plan.fields import MAPPINGS
from turnout.plan.settings import SETTINGS, setting_name


def mapping_patch(mapping: dict[str, Any], changes: Iterable[Difference]) -> dict[str, Any]:
    """The `_mapping` body that brings `changes` from `mapping` (a create-index body) to an index; may be empty."""
    body: dict[str, Any] = {}
    mappings = mapping.get("mappings") or {}
    for difference in changes:
        tokens = tokens_of(difference.path)
        # A PUT replaces `_meta` whole, and with it what a view says about itself: notes wait for the next new index.
        if tokens[:2] == MAPPINGS and len(tokens) > len(MAPPINGS) and tokens[2] != "_meta":
            _lay(body, mappings, tokens[len(MAPPINGS) :])
    return body


def _lay(body: dict[str, Any], mappings: dict[str, Any], tokens: tuple[str, ...]) -> None:
    source, target = mappings, body
    while tokens[0] == "properties" and len(tokens) > 1:
        field, tokens = tokens[1], tokens[2:]
        if field not in source.get("properties", {}):
            return  # nothing can be sent that takes a field out
        source = source["properties"][field]
        into = target.setdefault("properties", {})
        if not tokens:
            into[field] = source
            return
        # Its own parameters, so that it is recognised, and of its children only those that change.
        target = into.setdefault(field, {key: value for key, value in source.items() if key != "properties"})
        if tokens[0] != "properties":
            return
    if tokens[0] == "runtime" and len(tokens) > 1:
        # null takes a runtime field away.
        target.setdefault("runtime", {})[tokens[1]] = source.get("runtime", {}).get(tokens[1])
    elif tokens[0] in source:
        target[tokens[0]] = source[tokens[0]]


def settings_patch(changes: Iterable[Difference]) -> dict[str, Any]:
    """The `_settings` body for `changes`; null takes a setting back to its default. May be empty."""
    body: dict[str, Any] = {}
    for difference in changes:
        tokens = tokens_of(difference.path)
        if tokens[:2] == SETTINGS and len(tokens) > len(SETTINGS):
            after = difference.after
            body[setting_name(tokens[len(SETTINGS) :])] = None if after is ABSENT else after
    return body
