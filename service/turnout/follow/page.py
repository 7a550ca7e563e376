"""One page of changed documents becomes view documents: clean, chunk, reuse or embed, write.

Called by the shard loop. Texts of the whole page are embedded in one call, equal passages once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from turnout.elastic.documents import Document, external_version
from turnout.elastic.reader import Hit, Reader
from turnout.elastic.views import SYSTEM_FIELD, View
from turnout.elastic.writer import BulkItem, Writer
from turnout.embedding import Embedder
from turnout.follow.body import Refusal, read_document, too_large, view_item
from turnout.follow.job import Counts
from turnout.follow.reuse import Passage, passages_from, text_hash
from turnout.follow.vectors import embedded
from turnout.follow.write import write
from turnout.release.artifacts import Release


class PageWriter:
    """Brings pages of documents into one view.

    Args:
        embedder: gives the model when it is first needed; a copy may never need it.
        source: another view to take vectors from.
    """

    def __init__(
        self,
        reader: Reader,
        writer: Writer,
        *,
        release: Release,
        view: View,
        embedder: Callable[[], Embedder],
        source: View | None = None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._release = release
        self._view = view
        self._embedder = embedder
        self._source = source

    def write(self, hits: Sequence[Hit], epoch: int) -> Counts:
        """Write one page; it is all in the view when this returns."""
        documents = {hit.id: read_document(hit) for hit in hits}
        versions = {hit.id: external_version(epoch, hit.seq_no) for hit in hits}
        wanted = {id_: d for id_, d in documents.items() if isinstance(d, Document) and not d.deleted}
        refused = {id_: too_large(document, self._release.pipeline.limits) for id_, document in wanted.items()}
        hashes = {id_: text_hash(document.text) for id_, document in wanted.items() if refused[id_] is None}
        passages: dict[str, list[Passage] | Refusal] = dict(self._reused(hashes))
        reused = sum(map(len, passages.values()))
        new = {id_: wanted[id_].text for id_ in hashes if id_ not in passages}
        fresh, asked = embedded(new, self._embedder(), self._release) if new else ({}, 0)
        passages |= fresh
        passages |= {id_: refusal for id_, refusal in refused.items() if refusal is not None}
        items = [
            view_item(
                id_,
                document,
                versions[id_],
                fields=self._release.pipeline.index,
                passages=passages.get(id_, []),
                hashed=hashes.get(id_, ""),
            )
            for id_, document in documents.items()
        ]
        odd = write(self._reader, self._writer, self._view.index, items)
        counts = _counts(items, odd)
        return counts + Counts(passages=sum(_length(p) for p in passages.values()), embedded=asked, reused=reused)

    def _reused(self, hashes: dict[str, str]) -> dict[str, list[Passage]]:
        found = passages_from(self._reader, self._view, hashes, sparse=True)
        if self._source is not None:
            rest = {id_: value for id_, value in hashes.items() if id_ not in found}
            found |= passages_from(self._reader, self._source, rest)
        return found


def _length(passages: list[Passage] | Refusal) -> int:
    return 0 if isinstance(passages, Refusal) else len(passages)


def _counts(items: Iterable[BulkItem], odd: dict[str, str]) -> Counts:
    """What became of a page's items, by the state that was written unless it was superseded or rejected."""
    tally = {"live": 0, "deleted": 0, "placeholder": 0, "superseded": 0}
    for item in items:
        tally[odd.get(item.id) or (item.body or {})[SYSTEM_FIELD]["state"]] += 1
    return Counts(
        documents=sum(tally.values()),
        live=tally["live"],
        deleted=tally["deleted"],
        placeholders=tally["placeholder"],
        superseded=tally["superseded"],
    )
