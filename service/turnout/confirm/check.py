"""The confirmation itself: does the server do what each rule says, and does the new index work at all."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import msgspec

from turnout.confirm.scratch import Scratch, sample_document, scratch
from turnout.elastic.reader import Reader
from turnout.elastic.writer import Writer
from turnout.plan import Change, Difference, Plan
from turnout.plan.change import ABSENT, tokens_of
from turnout.plan.fields import MAPPINGS
from turnout.plan.patch import mapping_patch, settings_patch
from turnout.release.artifacts import Release

_BASE, _HEAD = "base", "head"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A disagreement between a rule and the server, or a mapping that the server can't use.

    `path` is a JSON pointer into release.json, as in the plan.
    """

    rule: str
    path: str
    what: str
    remedy: str


def confirm(
    reader: Reader, writer: Writer, base: Release | None, head: Release, plan: Plan, *, prefix: str
) -> tuple[Finding, ...]:
    """Hold `plan` against the server; empty when both agree.

    Works in indexes of its own under `prefix`, which are deleted whatever happens.

    Raises:
        Unavailable: the server can't be reached.
    """
    version = reader.server_version()
    with scratch(writer, prefix) as space:
        found = list(_new_index(space, head))
        if base is not None and any(_asks_server(item) for item in plan.differences):
            found += _in_place(space, base, head, plan, version)
    return tuple(found)


def _new_index(space: Scratch, head: Release) -> Iterator[Finding]:
    why = space.create(_HEAD, head.mapping)
    if why is not None:
        yield Finding(
            rule="mapping-invalid",
            path="/mapping",
            what=f"the server can't make an index of this mapping: {why}",
            remedy="correct mapping.json",
        )
        return
    why = space.write(_HEAD, sample_document(head))
    if why is not None:
        yield Finding(
            rule="document-refused",
            path="/mapping/mappings",
            what=f"the new index doesn't take a document with a vector: {why}",
            remedy="make mapping.json, model.yaml and the index section of pipeline.yaml agree",
        )


def _in_place(space: Scratch, base: Release, head: Release, plan: Plan, version: str) -> Iterator[Finding]:
    why = space.create(_BASE, base.mapping) or space.write(_BASE, sample_document(base))
    if why is not None:
        yield Finding(
            rule="base-invalid",
            path="/mapping",
            what=f"the base release's own index can't be made here: {why}",
            remedy="confirm against a server of the version that the base runs on",
        )
        return
    # What should be refused leaves no trace, so it goes first; what is accepted is additive.
    for item in sorted(plan.differences, key=lambda item: item.server == "takes"):
        yield from _one(space, base, item, version)
    if plan.change is Change.IN_PLACE:
        yield from _whole(space, base, head, plan)


def _asks_server(item: Difference) -> bool:
    """Only where the rule claims something: of class in-place that the server takes it, else that it refuses."""
    tokens = tokens_of(item.path)
    claims = item.server == "refuses" or (item.change is Change.IN_PLACE and item.server == "takes")
    return claims and tokens[:1] == MAPPINGS[:1] and len(tokens) > len(MAPPINGS)


def _one(space: Scratch, base: Release, item: Difference, version: str) -> Iterator[Finding]:
    if not _asks_server(item):
        return
    changed = _with(base.mapping, item)
    why = space.change_mapping(_BASE, mapping_patch(changed, [item])) or space.change_settings(
        _BASE, settings_patch([item])
    )
    if item.server == "takes" and why is not None:
        yield Finding(
            rule="server-refuses-in-place",
            path=item.path,
            what=f"planned in place, but Elasticsearch {version} refuses it: {why}",
            remedy="don't apply this plan; report the rule for this parameter",
        )
    elif item.server == "refuses" and why is None:
        yield Finding(
            rule="server-takes-it",
            path=item.path,
            what=f"the rule says that Elasticsearch refuses this in place, but {version} takes it",
            remedy="the plan is safe, only dearer than it may need to be; report the rule for this parameter",
        )


def _whole(space: Scratch, base: Release, head: Release, plan: Plan) -> Iterator[Finding]:
    """The very bodies of the ChangeMapping stage, and both releases writing afterwards."""
    why = (
        space.change_mapping(_BASE, mapping_patch(head.mapping, plan.differences))
        or space.change_settings(_BASE, settings_patch(plan.differences))
        or space.write(_BASE, sample_document(base))
        or space.write(_BASE, sample_document(head))
    )
    if why is not None:
        yield Finding(
            rule="in-place-fails",
            path="/mapping",
            what=f"the whole change can't be made in place: {why}",
            remedy="don't apply this plan; report the rules for these differences",
        )


def _with(mapping: dict[str, Any], item: Difference) -> dict[str, Any]:
    """`mapping` with this one difference made to it."""
    changed = {"mapping": copy.deepcopy(mapping)}
    *path, last = tokens_of(item.path)
    place: dict[str, Any] = changed
    for token in path:
        place = place.setdefault(token, {})
    if item.after is ABSENT:
        place.pop(last, None)
    else:
        place[last] = item.after
    return changed["mapping"]
