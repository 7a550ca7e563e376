"""Remember that an adopted index is the live view of the collection's first release. Called by `adopt --record`.

The only change to the index is `_meta.turnout` in its mapping; no document is read or written.
"""

from __future__ import annotations

from typing import Any

import msgspec

from turnout.adopt.live import LiveIndex, release_mapping
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import FlipRecord, ReleaseRecord
from turnout.elastic.views import META_KEY, ViewMeta
from turnout.elastic.writer import Conflict, Writer
from turnout.errors import Refused
from turnout.plan.settings import flat_settings
from turnout.release.artifacts import Release

NOT_ATTESTED = "not-attested"
"""In place of an embedding fingerprint: no probe says which model gave the vectors, so nothing may take them over."""


def record(reader: Reader, writer: Writer, names: Names, release: Release, live: LiveIndex, *, now: str) -> bool:
    """Make `release` the live one, served by the index. False if it is recorded already; then nothing is written.

    Args:
        now: the time, ISO 8601 in UTC.

    Raises:
        Refused: the alias of the collection isn't on exactly this index, the index is not what mapping.json says, or
            the collection has releases already.
        Unavailable: the server can't answer; recording again is safe.
    """
    _check_alias(reader, names, live)
    _check_same(release, live)
    known = reader.states(names, ReleaseRecord)
    if any(each.release_id == release.id and each.view == live.index and each.state == "live" for each in known):
        return False
    if known:
        raise Refused(
            f"the collection has releases already, among them {known[-1].release_id}",
            where=names.alias,
            remedy="adopting is for the first one; see `turnout status`",
        )
    _describe(writer, names, release, live, now)
    _remember(reader, writer, names, release, live, now)
    return True


def _check_alias(reader: Reader, names: Names, live: LiveIndex) -> None:
    targets = reader.alias_targets(names.alias)
    if targets == {live.index}:
        return
    if not targets and reader.describe(names.alias) is not None:
        raise Refused(
            "an index has the name that the collection's alias needs",
            where=names.alias,
            remedy="adopt it as a collection of another name (--collection) and give it an alias of that name",
        )
    raise Refused(
        f"the alias points at {', '.join(sorted(targets)) or 'nothing'}, not at {live.index}",
        where=names.alias,
        remedy=f"add the alias {names.alias} to {live.index} (`_aliases`, action add), then record again",
    )


def _check_same(release: Release, live: LiveIndex) -> None:
    given, there = release.mapping, release_mapping(live)
    place = _first_difference(given["mappings"], there["mappings"], "/mappings")
    settings = flat_settings(given.get("settings") or {}), flat_settings(there["settings"])
    place = place or _first_difference(*settings, "/settings")
    if place:
        raise Refused(
            f"the index is not what mapping.json says, first at {place}",
            where=live.index,
            remedy="make the two equal: change mapping.json, or what the server takes in place; then lock and record",
        )


def _first_difference(left: Any, right: Any, place: str) -> str:
    """Where two values differ first; empty if they are equal."""
    if isinstance(left, dict) and isinstance(right, dict):
        for name in sorted({*left, *right}):
            if name not in left or name not in right:
                return f"{place}/{name}"
            if found := _first_difference(left[name], right[name], f"{place}/{name}"):
                return found
        return ""
    if isinstance(left, bool) or isinstance(right, bool):  # `dynamic` is given as text
        return "" if str(left).lower() == str(right).lower() else place
    return "" if left == right else place


def _describe(writer: Writer, names: Names, release: Release, live: LiveIndex, now: str) -> None:
    fields = release.pipeline.index
    meta = ViewMeta(
        collection=names.collection,
        index_fingerprints=(release.fingerprints.index,),
        embedding_fingerprint=NOT_ATTESTED,
        documents=names.documents,
        built_for=release.id,
        created_at=now,
        passage_fields=(fields.passages, fields.passage_text, fields.passage_vector),
        adopted=True,
    )
    others = live.mappings.get("_meta") or {}
    writer.put_mapping(live.index, {"_meta": {**others, META_KEY: msgspec.to_builtins(meta)}})


def _remember(reader: Reader, writer: Writer, names: Names, release: Release, live: LiveIndex, now: str) -> None:
    """The release last: until it is there, recording again does all of it again."""
    writer.ensure_state_index(names)
    if not reader.states(names, FlipRecord):
        flip = FlipRecord(
            collection=names.collection,
            at=now,
            from_view=None,
            to_view=live.index,
            from_release=None,
            to_release=release.id,
            reason="adopt",
        )
        writer.put_state(names, flip)
    first = ReleaseRecord(
        collection=names.collection,
        at=now,
        release_id=release.id,
        state="live",
        view=live.index,
        release=msgspec.to_builtins(release),
        report={"adopted": True},
    )
    try:
        writer.put_state(names, first, create=True)
    except Conflict as error:
        raise Refused("somebody else recorded it", where=names.alias, remedy="see `turnout status`") from error
