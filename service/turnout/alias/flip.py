"""Move the alias from one view to another, in one atomic call that only works on what the caller saw.

Each removal in the call must find its alias, so a flip that somebody else overtook fails as a whole. Nothing is ever
deleted in the same call: a search that resolved the alias just before must still find its index.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import msgspec
from elasticsearch import ApiError

from turnout.alias.freezing import frozen
from turnout.alias.records import change_release
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import FlipRecord, ReleaseRecord
from turnout.elastic.views import LIVE_FILTER, View
from turnout.elastic.writer import Conflict, Writer
from turnout.errors import Refused, Unavailable
from turnout.release.artifacts import Release

Now = Callable[[], str]


def flip(  # noqa: PLR0913  (six say what, three are for tests and emergencies)
    reader: Reader,
    writer: Writer,
    names: Names,
    *,
    to: View,
    release: Release,
    reason: str,
    now: Now,
    expect: frozenset[str] | None = None,
    force_frozen: bool = False,
) -> FlipRecord:
    """Point the alias at `to`, and only there, and remember it. Flipping to where it points already changes nothing.

    Args:
        release: the release that is live from now on; `to` must serve its index fingerprint.
        now: the time, ISO 8601 in UTC.
        expect: the indexes that the alias points at now, as the caller knows them. None: where the last flip left it.
        force_frozen: flip although the collection is frozen.

    Returns:
        The record of this flip; of the earlier one if nothing had to be done.

    Raises:
        Refused: frozen; the alias is elsewhere than expected; an index has its name; `to` isn't what it was.
        Unavailable: the outcome can't be told; calling again is safe.
    """
    _check_view(reader, to, release)
    _check_frozen(reader, names, force_frozen)
    writer.ensure_state_index(names)
    flips = reader.states(names, FlipRecord)
    last = flips[-1] if flips else None
    before = _targets(reader, names)
    if before != {to.index} or not _is_filtered(reader, names, to):
        expected = expect if expect is not None else frozenset({last.to_view} if last else ())
        if before not in (expected, {to.index}):
            raise _moved(names, before, expected)
        _move(reader, writer, names, before, to)
    record = last
    if last is None or (last.to_view, last.to_release) != (to.index, release.id):
        record = _record(names, last, before, to, release, reason, now())
        with suppress(Conflict):  # the key says when and to which release: it is this very record, sent twice
            writer.put_state(names, record, create=True)
    assert record is not None  # noqa: S101  (made above where there was none)
    _remember_releases(reader, writer, names, release, to.index, record.at)
    return record


def _check_view(reader: Reader, to: View, release: Release) -> None:
    if release.fingerprints.index not in to.meta.index_fingerprints:
        raise Refused(f"doesn't serve release {release.id}", where=to.index, remedy="plan and apply the release first")
    uuid = reader.index_uuid(to.index)
    if uuid != to.uuid:
        what = "is gone" if uuid is None else "was made again since it was looked at"
        raise Refused(f"the view {what}", where=to.index, remedy="plan again")


def _check_frozen(reader: Reader, names: Names, force: bool) -> None:
    switch = frozen(reader, names)
    if switch is not None and not force:
        raise Refused(
            f"flips are frozen by {switch.by} since {switch.at}: {switch.reason}",
            where=names.alias,
            remedy=f"`turnout freeze {names.collection} --off` allows them again",
        )


def _targets(reader: Reader, names: Names) -> frozenset[str]:
    targets = reader.alias_targets(names.alias)
    if not targets and reader.describe(names.alias) is not None:
        raise Refused(
            "an index has the name that the alias needs",
            where=names.alias,
            remedy="copy it to another name and delete it, or name the collection differently",
        )
    return targets


def _is_filtered(reader: Reader, names: Names, to: View) -> bool:
    described = reader.describe(to.index) or {}
    return bool(described.get("aliases", {}).get(names.alias, {}).get("filter") == LIVE_FILTER)


def _moved(names: Names, found: frozenset[str], expected: frozenset[str]) -> Refused:
    def listed(indexes: frozenset[str]) -> str:
        return ", ".join(sorted(indexes)) or "nothing"

    return Refused(
        f"the alias points at {listed(found)}, not at {listed(expected)}: somebody else moved it",
        where=names.alias,
        remedy="find out who and why; then plan again, or move it back",
    )


def _move(reader: Reader, writer: Writer, names: Names, before: frozenset[str], to: View) -> None:
    """The one call, and after it, whatever it said, a look at where the alias is."""
    removals = [
        {"remove": {"index": index, "alias": names.alias, "must_exist": True}} for index in sorted(before - {to.index})
    ]
    addition: dict[str, Any] = {
        "add": {"index": to.index, "alias": names.alias, "filter": LIVE_FILTER, "is_write_index": False}
    }
    failure: Exception | None = None
    try:
        answer = writer.update_aliases([*removals, addition])
        if answer.get("errors"):
            failure = RuntimeError(f"the server reports errors: {answer}")
    except (ApiError, Unavailable) as error:
        failure = error
    found = reader.alias_targets(names.alias)
    if found == {to.index}:
        return
    if isinstance(failure, Unavailable):
        raise Unavailable(
            "the alias has not moved, and whether it still will can't be told",
            where=names.alias,
            remedy="run the same command again: it looks first",
        ) from failure
    raise _moved(names, found, frozenset({to.index})) from failure


def _record(
    names: Names, last: FlipRecord | None, before: frozenset[str], to: View, release: Release, reason: str, now: str
) -> FlipRecord:
    gone = sorted(before - {to.index})
    return FlipRecord(
        collection=names.collection,
        at=_later(now, last.at) if last else now,
        from_view=gone[0] if gone else (last.to_view if last else None),
        to_view=to.index,
        from_release=last.to_release if last else None,
        to_release=release.id,
        reason=reason,
    )


def _later(now: str, last: str) -> str:
    """`now`, or just after `last` if a clock went back: history is ordered by these times."""
    before = datetime.fromisoformat(last)
    if datetime.fromisoformat(now) > before:
        return now
    return (before + timedelta(microseconds=1)).isoformat(timespec="microseconds")


def _remember_releases(reader: Reader, writer: Writer, names: Names, release: Release, view: str, at: str) -> None:
    """The new release is live, and whatever was live is kept for going back."""
    fresh = ReleaseRecord(
        collection=names.collection,
        at=at,
        release_id=release.id,
        state="live",
        view=view,
        release=msgspec.to_builtins(release),
    )

    def live(record: ReleaseRecord | None) -> ReleaseRecord:
        if record is None:
            return fresh
        if (record.state, record.view) == ("live", view):
            return record
        return msgspec.structs.replace(record, state="live", view=view, at=at, reason="")

    def former(record: ReleaseRecord | None) -> ReleaseRecord | None:
        if record is None or record.state != "live":
            return None
        return msgspec.structs.replace(record, state="former", at=at)

    change_release(reader, writer, names, fresh.key, live)
    for record in reader.states(names, ReleaseRecord):
        if record.state == "live" and record.release_id != release.id:
            change_release(reader, writer, names, record.key, former)
