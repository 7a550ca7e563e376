"""What a restored index says about where it comes from: `_meta.turnout_restore` of its mapping.

Written to the scratch index when the snapshot is in it, before anything is replayed, so that a restore that was
killed goes on instead of starting again. The final index, a clone, keeps it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from turnout.elastic.documents import DOCUMENTS_MAPPING
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.views import META_KEY
from turnout.elastic.writer import Writer
from turnout.errors import Refused
from turnout.ingest.documents import documents_meta

KEY = "turnout_restore"


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Where an index comes from.

    `run` names one restore: the uuid of its scratch index. `created` is the creation date (ms since 1970) of the index
    that the snapshot was taken of. `checkpoints` by shard and `live` documents are those of the snapshot, before any
    delete was replayed.
    """

    run: str
    repository: str
    snapshot: str
    snapshot_at: str
    created: int
    checkpoints: dict[int, int]
    live: int


def scratch_name(names: Names) -> str:
    """Where documents are restored to before they are seen by anybody."""
    return f"{names.documents}.restoring"


def read_mark(described: dict[str, Any] | None) -> Mark | None:
    """The mark of an index as `Reader.describe` gives it; None if it has none."""
    found = ((described or {}).get("mappings", {}).get("_meta") or {}).get(KEY)
    return msgspec.convert(found, Mark, strict=False) if found else None


def own_mark(described: dict[str, Any] | None) -> Mark | None:
    """The mark that was put on this very scratch index; one that its snapshot brought along is another restore's."""
    mark = read_mark(described)
    return mark if described and mark and mark.run == described["settings"]["index"]["uuid"] else None


def put_mark(writer: Writer, index: str, described: dict[str, Any], mark: Mark) -> None:
    """Add the mark to what the mapping says about itself; all else stays."""
    meta = dict(described["mappings"].get("_meta") or {})
    writer.put_mapping(index, {"_meta": meta | {KEY: msgspec.to_builtins(mark, str_keys=True)}})


def require_documents(reader: Reader, names: Names, index: str) -> dict[str, Any]:
    """The description of a restored index that is a documents index of the collection.

    Raises:
        Refused: it is something else.
    """
    described = reader.describe(index) or {}
    mappings = described.get("mappings", {})
    dynamic = str(mappings.get("dynamic")).lower() == str(DOCUMENTS_MAPPING["dynamic"]).lower()
    if (mappings.get("_meta") or {}).get(META_KEY) != documents_meta(names) or not dynamic:
        raise Refused(
            f"the snapshot's {names.documents} isn't a documents index of {names.collection}",
            where=index,
            remedy="name a snapshot that was taken of this collection; nothing was changed",
        )
    return described
