"""What differs between two releases, each place with its class. The start of every plan."""

from __future__ import annotations

from collections.abc import Iterator

from turnout.errors import BadInput
from turnout.plan.change import ABSENT, Change, Difference, highest, pointer, same
from turnout.plan.fields import MAPPINGS, mappings_differences
from turnout.plan.sections import section_differences
from turnout.plan.settings import settings_differences
from turnout.release.artifacts import Release


def differences(base: Release | None, head: Release) -> tuple[Difference, ...]:
    """All places where `head` differs from `base`, dearest first; the class of the change is that of the first.

    Without a base (the first release of a collection) there is one difference, of class embed.

    Raises:
        BadInput: releases of two collections can't be compared.
    """
    if base is None:
        return (Difference(path="", after=head.id, change=Change.EMBED, reason="the first release of the collection"),)
    if base.collection != head.collection:
        raise BadInput(
            f"{base.collection} and {head.collection} are two collections", remedy="compare releases of one collection"
        )
    found = [*section_differences(base, head), *_mapping(base, head)]
    found += _unexplained(base, head, highest(found))
    return tuple(sorted(found, key=lambda difference: difference.change, reverse=True))


def _mapping(base: Release, head: Release) -> Iterator[Difference]:
    before, after = base.mapping, head.mapping
    found = [
        *mappings_differences(before.get("mappings") or {}, after.get("mappings") or {}, head),
        *settings_differences(before.get("settings") or {}, after.get("settings") or {}),
        *_other_keys(base, head),
    ]
    yield from found
    if not found and not same(before, after):
        reason = "written another way, the same meaning to the server"
        yield Difference(
            path=pointer(MAPPINGS[:1]),
            change=Change.IN_PLACE,
            reason=reason,
            before=before,
            after=after,
            server="takes",
        )


def _other_keys(base: Release, head: Release) -> Iterator[Difference]:
    for key in sorted((base.mapping.keys() | head.mapping.keys()) - {"mappings", "settings"}):
        before, after = base.mapping.get(key, ABSENT), head.mapping.get(key, ABSENT)
        if not same(before, after):
            reason = f"no rule is known for {key}: the documents are written again to be safe"
            yield Difference(
                path=pointer(("mapping", key)), before=before, after=after, change=Change.COPY, reason=reason
            )


def _unexplained(base: Release, head: Release, change: Change) -> Iterator[Difference]:
    """Fingerprints that differ although no rule saw why, after turnout itself changed: believe the fingerprints."""
    was, now = base.fingerprints, head.fingerprints
    for name, before, after, least in (
        ("embedding", was.embedding, now.embedding, Change.EMBED),
        ("index", was.index, now.index, Change.COPY if change < Change.IN_PLACE else Change.IN_PLACE),
        ("query", was.query, now.query, Change.QUERY),
    ):
        if before != after and change < least:
            yield Difference(
                path=pointer(("fingerprints", name)),
                before=before,
                after=after,
                change=least,
                reason="the fingerprints differ though nothing else explains it, as after an upgrade of turnout",
            )
