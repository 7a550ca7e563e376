"""After the load: is every acknowledged write in the views, and did every delete stay deleted?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from demo.traffic import WriteLog
from turnout.elastic.documents import DEFAULT_TENANT, document_id
from turnout.elastic.reader import Reader


@dataclass(frozen=True)
class Account:
    """Ids, `view: id`, of writes that a view lacks (or holds an older text of) and of deletes that came back."""

    missing: tuple[str, ...]
    resurrected: tuple[str, ...]


def settle(reader: Reader, views: Iterable[str], writes: WriteLog) -> Account:
    """Compare what the writer was told with what each view holds, in real time."""
    missing, resurrected = [], []
    for view in views:
        ids = {document_id(DEFAULT_TENANT, key): key for key in writes.latest}
        held = reader.get_many(view, list(ids), fields=["turnout.state", "body"])
        for whole, key in ids.items():
            wanted = writes.latest[key]
            source = held[whole].source if whole in held else {}
            state = source.get("turnout", {}).get("state", "absent")
            if wanted is None and state == "live":
                resurrected.append(f"{view}: {key}")
            if wanted is not None and (state != "live" or source.get("body") != wanted):
                missing.append(f"{view}: {key}")
    return Account(tuple(missing), tuple(resurrected))
