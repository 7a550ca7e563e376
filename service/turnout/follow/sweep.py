"""After a full pass in a new epoch: what the documents index doesn't hold any more leaves the view.

A restored documents index may lack documents that the view has; no operation tells of them. Called by the follower
at the end of each catch-up of a later epoch, because a follower that slept through the restore may still write what
it had read before.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from turnout.elastic.documents import external_version
from turnout.elastic.names import Names
from turnout.elastic.reader import Hit, Reader
from turnout.elastic.state import Epoch
from turnout.elastic.views import SYSTEM_FIELD
from turnout.elastic.writer import BulkItem, Writer
from turnout.follow.progress import documents_shards
from turnout.follow.write import write

_BATCH = 500


def sweep(reader: Reader, writer: Writer, *, names: Names, view: str, epoch: Epoch) -> int:
    """Put tombstones where the view holds a document of an earlier epoch that isn't in the documents index.

    Sees what the view's last refresh made visible. Returns the number of tombstones; ends early, with nothing written
    on the word of an index of another identity, if the documents index is replaced meanwhile.

    Raises:
        EnvironmentProblem: the documents index is gone.
    """
    version = external_version(epoch.epoch, -1)
    older: dict[str, Any] = {"range": {f"{SYSTEM_FIELD}.version": {"lt": version}}}
    if not reader.count(view, older):
        return 0
    swept = 0
    found = reader.scan(view, sort=f"{SYSTEM_FIELD}.id", query=older, fields=[SYSTEM_FIELD], size=_BATCH)
    while page := list(islice(found, _BATCH)):
        # Those that exist have operations in this epoch: they are followed, now or in the next round.
        present = reader.get_many(names.documents, [hit.id for hit in page], fields=["id"])
        gone = [hit for hit in page if hit.id not in present]
        # An index that is gone, or was made anew a moment ago, has none of them and says nothing.
        if gone and documents_shards(reader, names).identity != epoch.documents_uuid:
            break
        write(reader, writer, view, [_tombstone(hit, version) for hit in gone])
        swept += len(gone)
    return swept


def _tombstone(hit: Hit, version: int) -> BulkItem:
    known = hit.source[SYSTEM_FIELD]
    body = {key: known[key] for key in ("id", "tenant", "owner") if key in known} | {"state": "deleted"}
    return BulkItem("index", hit.id, {SYSTEM_FIELD: body | {"version": version}}, version)
