"""Does a view hold exactly what documents holds? Asked before a view is ready and again before a flip.

Both indexes are read once in the order of ids and merged, so that memory doesn't grow with the collection. Writes keep
coming meanwhile: whatever differs is looked at again by id, in real time, after the follower caught up. What still
differs then is a finding. Called by verify, apply and status.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from turnout.elastic.documents import external_version
from turnout.elastic.names import Names
from turnout.elastic.reader import Hit, Reader
from turnout.elastic.state import Epoch
from turnout.elastic.views import SYSTEM_FIELD, View
from turnout.verify.differences import KINDS, Entry, Kind, Source, lasting_difference, merge
from turnout.verify.report import Check
from turnout.verify.tally import EXAMPLES, Tally

ROUNDS = 5
_BATCH = 500
_DOCUMENT_FIELDS = ("deleted",)
_VIEW_FIELDS = (f"{SYSTEM_FIELD}.id", f"{SYSTEM_FIELD}.state")


class _Incomparable(Exception):
    """The versions can't be compared; the message says why."""


def _never() -> None:
    """Nothing stops it."""


def parity(
    reader: Reader,
    names: Names,
    view: View,
    *,
    catch_up: Callable[[], None],
    rounds: int = ROUNDS,
    check: Callable[[], None] = _never,
) -> Check:
    """Compare (id, version, state) of documents and a view, both ways.

    Args:
        catch_up: brings the view up to what documents holds at the call. For a look from outside, do nothing.
        rounds: how often a difference is looked at again before it is a finding.
        check: called now and then while it reads; raises what ends it.

    Returns:
        `pass`, `fail` with up to 20 examples of each kind, or `inconclusive` if the versions can't be compared.

    Raises:
        Unavailable: the server can't answer.
    """
    comparison = _Comparison(reader, names, view, check)
    try:
        tally = comparison.settle(catch_up, rounds)
        found, rounds_used = comparison.look_again(tally.suspects, catch_up, rounds)
    except _Incomparable as error:
        return Check(name="parity", verdict="inconclusive", reason=str(error))
    return _judge(tally, found, rounds_used)


class _Comparison:
    def __init__(self, reader: Reader, names: Names, view: View, check: Callable[[], None]) -> None:
        self._reader = reader
        self._names = names
        self._view = view
        self._check = check

    def settle(self, catch_up: Callable[[], None], rounds: int) -> Tally:
        """Read both sides until what differs fits in memory, at most `rounds` times."""
        for _ in range(rounds):
            catch_up()
            tally = self.read_all()
            if not tally.full:
                break
        return tally

    def read_all(self) -> Tally:
        """One reading of both sides; stops early when there is more to look at again than memory allows."""
        epoch = self._epoch()
        for index in (self._names.documents, self._view.index):
            self._reader.refresh(index)
        tally = Tally()
        documents = self._reader.scan(self._names.documents, sort="id", fields=_DOCUMENT_FIELDS)
        entries = self._reader.scan(self._view.index, sort=f"{SYSTEM_FIELD}.id", fields=_VIEW_FIELDS)
        sources = (_source(hit, epoch) for hit in _in_order(documents, tally))
        pairs = merge(sources, (_entry(hit) for hit in _in_order(entries, tally)))
        for number, (source, entry) in enumerate(pairs):
            if number % _BATCH == 0:
                self._check()
            tally.add(source, entry)
            if tally.full:
                break
        return tally

    def look_again(
        self, suspects: Sequence[str], catch_up: Callable[[], None], rounds: int
    ) -> tuple[dict[Kind, list[str]], int]:
        """What still differs after up to `rounds` catch-ups, by kind, and how many were needed."""
        found: dict[Kind, list[str]] = {}
        suspects = list(dict.fromkeys(suspects))  # a false label makes a suspect on both sides
        for used in range(rounds):
            if not suspects:
                return {}, used
            before = self._sources(suspects)
            catch_up()
            found = self._differing(suspects, before)
            suspects = [document for ids in found.values() for document in ids]
        return found, rounds

    def _differing(self, ids: Sequence[str], before: dict[str, Source]) -> dict[Kind, list[str]]:
        """Read the view first and documents after it, so that a write in between can't look like one from nowhere."""
        found: defaultdict[Kind, list[str]] = defaultdict(list)
        for batch in _batches(ids):
            hits = self._reader.get_many(self._view.index, batch, fields=_VIEW_FIELDS)
            after = self._sources(batch)
            for document in batch:
                hit = hits.get(document)
                entry = _entry(hit) if hit else None
                kind = lasting_difference(before.get(document), entry, after.get(document))
                if hit and _label(hit) != hit.id:
                    kind = "unknown"  # no sweep and no filter finds it by its id
                if kind is not None:
                    found[kind].append(document)
        return dict(found)

    def _sources(self, ids: Sequence[str]) -> dict[str, Source]:
        epoch = self._epoch()
        return {
            document: _source(hit, epoch)
            for batch in _batches(ids)
            for document, hit in self._reader.get_many(self._names.documents, batch, fields=_DOCUMENT_FIELDS).items()
        }

    def _epoch(self) -> int:
        """The epoch of documents as it is now; another incarnation than the recorded one can't be compared."""
        shards = self._reader.shards(self._names.documents)
        if shards is None:
            raise _Incomparable(f"there is no index {self._names.documents}")
        if self._reader.index_uuid(self._view.index) != self._view.uuid:
            raise _Incomparable(f"the index {self._view.index} is gone or was made anew")
        record = self._reader.state(self._names, f"epoch:{self._names.collection}")
        if not isinstance(record, Epoch):
            raise _Incomparable("no follower has recorded the epoch of documents yet")
        if record.documents_uuid != shards.identity:
            raise _Incomparable("documents was restored or made anew and no follower has seen it yet")
        return record.epoch


def _judge(tally: Tally, found: dict[Kind, list[str]], rounds: int) -> Check:
    evidence: dict[str, Any] = {
        **tally.evidence(),
        "rounds": rounds,
        "differences": {kind: {"count": len(ids), "examples": ids[:EXAMPLES]} for kind, ids in found.items()},
    }
    if found:
        listed = "; ".join(f"{len(ids)} {KINDS[kind]} (for example {ids[0]})" for kind, ids in found.items())
        more = ", and more that were not counted" if tally.full else ""
        return Check(name="parity", verdict="fail", reason=f"{listed}{more}", evidence=evidence)
    if tally.full:
        reason = "documents changes faster than the view follows: too much differs to compare at one point"
        return Check(name="parity", verdict="inconclusive", reason=reason, evidence=evidence)
    reason = f"the view holds all {tally.documents} documents in their versions, and nothing else"
    return Check(name="parity", verdict="pass", reason=reason, evidence=evidence)


def _source(hit: Hit, epoch: int) -> Source:
    return Source(hit.id, external_version(epoch, hit.seq_no), bool(hit.source.get("deleted", False)))


def _entry(hit: Hit) -> Entry:
    return Entry(hit.id, hit.version, str(hit.source.get(SYSTEM_FIELD, {}).get("state", "")))


def _label(hit: Hit) -> object:
    return hit.source.get(SYSTEM_FIELD, {}).get("id")


def _in_order(hits: Iterable[Hit], tally: Tally) -> Iterator[Hit]:
    """The hits that sort by their own id; the others can't be merged and are looked at again by id."""
    for hit in hits:
        if hit.sort[0] == hit.id:
            yield hit
        else:
            tally.suspect(hit.id)


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _BATCH):
        yield ids[start : start + _BATCH]
