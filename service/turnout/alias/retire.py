"""Delete the views that nobody can need any more, after nobody has searched them for a while.

Called by the command line; the controller, which can't wait, uses its parts. What may go is decided in `retirable`;
here it is looked at twice, because between two looks a flip, a revert or a search may come.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from turnout.alias.freezing import frozen
from turnout.alias.records import change_release
from turnout.alias.retirable import Observed, judge, retirable
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader, SearchCount
from turnout.elastic.state import FlipRecord, ReleaseRecord
from turnout.elastic.writer import Writer

DRAIN_S = 60.0


@dataclass(frozen=True)
class Retirement:
    """What was deleted, and for each view that stays the reason."""

    retired: tuple[str, ...]
    kept: dict[str, str]


def retire(
    reader: Reader,
    writer: Writer,
    names: Names,
    *,
    now: Callable[[], str],
    keep: int = 1,
    drain_s: float = DRAIN_S,
    sleep: Callable[[float], None] = time.sleep,
) -> Retirement:
    """Delete views that are neither live, nor being built, nor kept for going back, nor searched.

    Args:
        now: the time, ISO 8601 in UTC.
        keep: how many former releases stay ready for going back.
        drain_s: seconds without a search before a view is deleted.

    Raises:
        Unavailable: Elasticsearch can't answer; what was deleted until then was rightly deleted.
    """
    before = {index: reader.search_count(index) for index in retirable(observe(reader, names), keep=keep)}
    if before:
        sleep(drain_s)
    retired = []
    searched = {}
    for index, count in before.items():
        if not is_quiet(count, reader.search_count(index)):
            searched[index] = f"searched within the last {drain_s:g} s"
        elif index in retirable(observe(reader, names), keep=keep) and delete_view(reader, writer, names, index, now()):
            retired.append(index)
    return Retirement(retired=tuple(retired), kept=judge(observe(reader, names), keep=keep) | searched)


def observe(reader: Reader, names: Names) -> Observed:
    """The collection as it is now. The alias is read last: it is what changes in a moment."""
    releases = reader.states(names, ReleaseRecord)
    flips = reader.states(names, FlipRecord)
    switch = frozen(reader, names)
    views = reader.views(names)
    return Observed(
        views=views,
        targets=reader.alias_targets(names.alias),
        releases=releases,
        flips=flips,
        frozen=switch is not None,
    )


def is_quiet(before: SearchCount | None, after: SearchCount | None) -> bool:
    """Whether nobody searched in between. A count that can't be read is no proof."""
    return before is not None and before == after and after.open == 0


def delete_view(reader: Reader, writer: Writer, names: Names, index: str, at: str) -> bool:
    """Delete a view that was judged retirable and is quiet; False if the alias came to it meanwhile.

    Records first: a view that is gone must never look like something to go back to. Then a last look at the alias: the
    records take time to write, and a flip may have come. A failed release stays `failed`, for that is what quarantines
    it. `at` is the time, ISO 8601 in UTC.
    """

    def over(record: ReleaseRecord | None) -> ReleaseRecord | None:
        if record is None or record.view != index or record.state == "failed":
            return None
        return msgspec.structs.replace(record, state="retired", at=at)

    for record in reader.states(names, ReleaseRecord):
        if record.view == index:
            change_release(reader, writer, names, record.key, over)
    if index in reader.alias_targets(names.alias):
        return False
    writer.delete_index(index)
    return True
