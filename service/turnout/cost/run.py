"""One backfill of a hosted model on a virtual clock, page by page as followers do it. Used by `backfill`, `pool`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from turnout.cost.documents import texts_of
from turnout.cost.events import Client, GaveUp
from turnout.cost.provider import Luck, Provider, storms
from turnout.elastic.documents import DOCUMENT_SHARDS
from turnout.embedding.hosted import Ledger, backfilling
from turnout.embedding.hosted.packing import Text
from turnout.embedding.hosted.request import Size
from turnout.plan import throughput
from turnout.plan.sizes import index_type, vector_field
from turnout.release.artifacts import Release

PAGE = 500
"""Documents that a follower embeds in one call (`follow.job`, held together by a test)."""

Documents = Sequence[tuple[int, ...]]


class PeakLedger:
    """Remembers the most that was ever spent and set aside together: a smaller budget would have stopped before."""

    def __init__(self) -> None:
        self.peak = 0.0

    def load(self) -> float:
        """See `Ledger`."""
        return 0.0

    def save(self, spent: float) -> None:
        """See `Ledger`."""
        self.peak = max(self.peak, spent)


class Run:
    """One backfill by one process of a hosted model, on a virtual clock that begins at 0.

    Args:
        budget: most money; None for no end, and `ledger.peak` then says what it would have needed.
        spells: storms; None for those of the provider.
    """

    def __init__(
        self,
        release: Release,
        provider: Provider,
        *,
        seed: tuple[object, ...],
        budget: float | None = None,
        spells: Sequence[tuple[float, float]] | None = None,
    ) -> None:
        self.ledger = PeakLedger()
        ledger: Ledger = self.ledger
        hosting = replace(backfilling(release, None), ledger=ledger, budget=float("inf") if budget is None else budget)
        spells_ = storms(provider, *seed) if spells is None else spells
        self.client = Client(release.model, hosting, provider, luck=Luck(provider, *seed), storms=spells_)
        self.gave_up = False
        self._provider = provider
        hnsw = index_type(vector_field(release)).endswith("hnsw")
        rate = throughput.WRITE_VECTORS_PER_SECOND_HNSW if hnsw else throughput.WRITE_VECTORS_PER_SECOND_FLAT
        self._seconds_per_passage = 1 / rate

    def page(self, documents: Documents) -> None:
        """Embed and write one page; if the patience ends, the page is begun anew after a while.

        Raises:
            Refused: the budget is used up.
        """
        texts = texts_of(documents)
        sizes = [self._size(batch) for batch in self.client.terms.packed(texts)]
        while True:
            try:
                self.client.embed(sizes)
                break
            except GaveUp:
                self.gave_up = True
                self.client.rest(self._provider.restart_s)
        self.client.rest(len(texts) * self._seconds_per_passage)

    def whole(self, documents: Documents) -> None:
        """All shards, one after the other, page by page.

        Raises:
            Refused: the budget is used up.
        """
        for shard in range(DOCUMENT_SHARDS):
            own = documents[shard::DOCUMENT_SHARDS]
            for first in range(0, len(own), PAGE):
                self.page(own[first : first + PAGE])

    def _size(self, batch: Sequence[Text]) -> Size:
        tokens = sum(text.tokens for text in batch)
        return Size(tokens, round(tokens * max(1.0, self._provider.bytes_per_token)))
