"""Where a follower stands: the epoch of the documents index, the checkpoints of its shards, and the lag.

All three are only as good as the identity of the indexes they speak of: `_seq_no`s of a restored or recreated index
start again, so a record that names another identity counts as none.
"""

from __future__ import annotations

from datetime import UTC, datetime

from turnout.elastic import state
from turnout.elastic.documents import DOCUMENTS_MAPPING, epoch_of
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader, Shards, StoredRecord
from turnout.elastic.state import Checkpoint, Epoch
from turnout.elastic.writer import Conflict, Writer
from turnout.errors import EnvironmentProblem, Refused
from turnout.follow.job import Lag, Task
from turnout.follow.view import ViewGone

FIRST_EPOCH = 1


def documents_shards(reader: Reader, names: Names) -> Shards:
    """Identity and global checkpoints of the documents index.

    Raises:
        EnvironmentProblem: there is none. The views keep what they have.
    """
    shards = reader.shards(names.documents)
    if shards is None:
        raise EnvironmentProblem(
            "the documents index doesn't exist; nothing was changed in any view",
            where=names.documents,
            remedy="restore it from a snapshot, or create it with `turnout ingest`",
        )
    return shards


def view_identity(reader: Reader, view: str) -> str:
    """The identity of a view's index.

    Raises:
        ViewGone: it doesn't exist.
    """
    shards = reader.shards(view)
    if shards is None:
        raise ViewGone("the view doesn't exist any more", where=view, remedy="build the release's view again")
    return shards.identity


def current_epoch(reader: Reader, writer: Writer, names: Names) -> tuple[Epoch, Shards]:
    """The epoch of the documents index as it is now, raised if the index is another one than before.

    The record is read before the index: whoever writes on stale knowledge meets a conflict and looks again.
    """
    while True:
        stored = reader.state_versioned(names, _epoch_key(names))
        shards = documents_shards(reader, names)
        if stored is None:
            writer.ensure_state_index(names)
        known = stored.record if stored else None
        if isinstance(known, Epoch) and known.documents_uuid == shards.identity:
            return known, shards
        if isinstance(known, Epoch):
            _require_own_mapping(reader, names)
        # A record that was restored, too, may know of fewer epochs than the views.
        number = max(known.epoch + 1 if isinstance(known, Epoch) else 0, _next_epoch_of_views(reader, names))
        try:
            return _put_epoch(writer, names, stored, shards=shards, number=number), shards
        except Conflict:
            continue


def _epoch_key(names: Names) -> str:
    return Epoch(collection=names.collection, at="", documents_uuid="", epoch=0).key


def _put_epoch(writer: Writer, names: Names, stored: StoredRecord | None, *, shards: Shards, number: int) -> Epoch:
    record = Epoch(collection=names.collection, at=utc_now(), documents_uuid=shards.identity, epoch=number)
    writer.put_state(names, record, expect=stored, create=stored is None)
    return record


def _require_own_mapping(reader: Reader, names: Names) -> None:
    """Refuse an index that came into being by a stray write: following it would empty every view."""
    found = reader.describe(names.documents) or {"mappings": {}}
    if str(found["mappings"].get("dynamic")).lower() != str(DOCUMENTS_MAPPING["dynamic"]).lower():
        raise Refused(
            "the documents index was replaced by one that turnout didn't make; nothing was changed in any view",
            where=names.documents,
            remedy="delete it and restore the documents from a snapshot, or ingest them again",
        )


def _next_epoch_of_views(reader: Reader, names: Names) -> int:
    """An epoch above everything that any view holds: what is written under a lower one would be ignored by it."""
    epochs = [FIRST_EPOCH - 1]
    for view in reader.views(names):
        reader.refresh(view.index)
        body = {"size": 1, "sort": [{"turnout.version": "desc"}], "_source": ["turnout.version"]}
        hits = reader.search(view.index, body)["hits"]["hits"]
        epochs += [epoch_of(int(hit["sort"][0])) for hit in hits]
    return max(epochs) + 1


def checkpoints(reader: Reader, names: Names, view: str, shards: list[int]) -> dict[int, Checkpoint]:
    """The stored checkpoints of a view's shards; those never saved are left out."""
    found = reader.get_many(names.state, [state.checkpoint_key(view, shard) for shard in shards])
    records = [state.decode(hit.source) for hit in found.values()]
    return {record.shard: record for record in records if isinstance(record, Checkpoint)}


def tasks(reader: Reader, names: Names, view: str, *, epoch: Epoch, shards: Shards) -> list[Task]:
    """What each shard has to do until it reaches its global checkpoint; those that are there are left out."""
    identity = view_identity(reader, view)
    saved = checkpoints(reader, names, view, list(shards.checkpoints))
    found = []
    for shard, upto in shards.checkpoints.items():
        known = saved.get(shard)
        valid = known is not None and known.epoch == epoch.epoch and known.view_uuid == identity
        after = known.seq_no if known is not None and valid else -1
        if after < upto:
            found.append(Task(shard=shard, after=after, upto=upto, epoch=epoch.epoch, view_identity=identity))
    return found


def save_checkpoint(writer: Writer, names: Names, view: str, task: Task, seq_no: int) -> None:
    """Remember that all operations of the task's shard up to `seq_no` are in the view."""
    record = Checkpoint(
        collection=names.collection,
        at=utc_now(),
        view=view,
        view_uuid=task.view_identity,
        shard=task.shard,
        epoch=task.epoch,
        seq_no=seq_no,
    )
    writer.put_state(names, record, refresh=False)


def lag(reader: Reader, names: Names, view: str) -> Lag:
    """How far a view is behind its documents. A view of an earlier epoch is behind by everything.

    Raises:
        EnvironmentProblem: the documents index doesn't exist.
        ViewGone: the view doesn't exist.
    """
    shards = documents_shards(reader, names)
    behind = dict.fromkeys(shards.checkpoints, 0)
    epoch = reader.state(names, _epoch_key(names))
    if isinstance(epoch, Epoch) and epoch.documents_uuid == shards.identity:
        todo = {task.shard: task.upto - task.after for task in tasks(reader, names, view, epoch=epoch, shards=shards)}
    else:
        view_identity(reader, view)
        todo = {shard: upto + 1 for shard, upto in shards.checkpoints.items()}
    return Lag(behind | todo)


def utc_now() -> str:
    """The time as records hold it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
