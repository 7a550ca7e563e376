"""Change the records of releases without writing over what another process stores at the same moment."""

from __future__ import annotations

from collections.abc import Callable

from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import ReleaseRecord
from turnout.elastic.writer import Conflict, Writer
from turnout.errors import Unavailable

_ATTEMPTS = 5


def change_release(
    reader: Reader,
    writer: Writer,
    names: Names,
    key: str,
    change: Callable[[ReleaseRecord | None], ReleaseRecord | None],
) -> None:
    """Store what `change` makes of the record; asked again if the record was changed meanwhile. None stores nothing.

    Raises:
        Unavailable: somebody else keeps changing it.
    """
    for _ in range(_ATTEMPTS):
        stored = reader.state_versioned(names, key)
        before = stored.record if stored and isinstance(stored.record, ReleaseRecord) else None
        after = change(before)
        if after is None or after == before:
            return
        try:
            writer.put_state(names, after, expect=stored, create=stored is None)
        except Conflict:
            continue
        return
    raise Unavailable("the record keeps being changed by somebody else", where=key, remedy="try again")
