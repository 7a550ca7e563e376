"""What a backfill costs: every request of every repetition where that is little work, a resampled part where it isn't.

Follows the followers: shard after shard, a page of documents in one call of `embed`, then the page is written. Called
by `simulate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from turnout.cost.documents import Numbers, Population, texts_of
from turnout.cost.events import Client, GaveUp, Tally
from turnout.cost.provider import Luck, Provider, storms, stream
from turnout.cost.result import Fill, Spread
from turnout.elastic.documents import DOCUMENT_SHARDS
from turnout.embedding.hosted import Ledger, backfilling
from turnout.embedding.hosted.packing import Text
from turnout.embedding.hosted.request import Size
from turnout.plan import throughput
from turnout.plan.sizes import index_type, vector_field
from turnout.release.artifacts import Release

PAGE = 500
"""Documents that a follower embeds in one call (`follow.job`, held together by a test)."""
EXACT_WORK = 40_000.0
"""Requests of all repetitions together up to which each of them is simulated; a passage counts for a twentieth."""
_PASSAGE_WORK = 0.05
_POOL_WORK = 30_000.0
_BLOCK_WORK = 1_000.0
_LEAST_BLOCKS = 8
_EPISODES = 12

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


@dataclass(frozen=True)
class Runs:
    """Repetitions of a backfill: a row of passages, tokens, requests, retried and hours for each; the most money that
    was spent and set aside at once; whether the patience came to an end in between; and how it was simulated."""

    rows: Numbers
    peaks: Numbers
    gave_up: Numbers
    how: str

    def fill(self, release: Release) -> Fill:
        """The repetitions in the words of the result."""
        per_token = release.model.price.per_million_tokens / 1e6
        passages, tokens, requests, retried, hours = (spread(column) for column in self.rows.T)
        return Fill(
            passages=passages,
            tokens=tokens,
            requests=requests,
            retried=retried,
            money=Spread(p50=tokens.p50 * per_token, p95=tokens.p95 * per_token),
            hours=hours,
            beyond_budget=float(np.mean(self.peaks > release.pipeline.budget.per_backfill)),
            gave_up=float(np.mean(self.gave_up)),
        )


def spread(values: Numbers) -> Spread:
    """Median and 95th percentile."""
    low, high = np.quantile(values, (0.5, 0.95)).tolist()
    return Spread(p50=low, p95=high)


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


def backfill(release: Release, population: Population, provider: Provider, *, seed: int, repetitions: int) -> Runs:
    """Fill a view of a hosted model from all documents, `repetitions` times."""
    each = population.per_document.mean(axis=0)
    requests = _requests_per_document(release, each)
    work = (requests + each[0] * _PASSAGE_WORK + 0.01) * population.documents
    if work * repetitions <= EXACT_WORK:
        return _exact(release, population, provider, seed=seed, repetitions=repetitions)
    return _Pool(release, population, provider, seed).runs(repetitions, requests + each[0] * _PASSAGE_WORK)


def _requests_per_document(release: Release, each: Numbers) -> float:
    terms = Run(release, Provider(), seed=(0,)).client.terms
    passages, tokens = float(each[0]), float(each[1])
    return max(passages / terms.most_texts, min(passages, tokens / terms.limiter.batch_tokens))


def _exact(release: Release, population: Population, provider: Provider, *, seed: int, repetitions: int) -> Runs:
    per_token = release.model.price.per_million_tokens / 1e6
    rows, peaks, gave_up = [], [], []
    for repetition in range(repetitions):
        documents = population.drawn(_numbers(seed, repetition, "documents"))
        run = Run(release, provider, seed=(seed, repetition))
        run.whole(documents)
        rows.append(_row(run.client.tally, sum(map(len, documents))))
        peaks.append(max(run.ledger.peak, run.client.tally.tokens * per_token))
        gave_up.append(run.gave_up)
    return Runs(np.array(rows), np.array(peaks), np.array(gave_up, np.float64), "every request is simulated")


def _row(tally: Tally, passages: float) -> list[float]:
    return [passages, tally.tokens, tally.requests, tally.retried, tally.seconds / 3600]


def _numbers(*names: object) -> np.random.Generator:
    return np.random.default_rng(stream(*names).getrandbits(128))


class _Pool:
    """A large backfill, put together from pages that were simulated one after the other without storms, and from what
    single storms added to such a run."""

    def __init__(self, release: Release, population: Population, provider: Provider, seed: int) -> None:
        self._release, self._population, self._provider, self._seed = release, population, provider, seed
        self._rng = _numbers(seed, "pool")

    def runs(self, repetitions: int, work_per_document: float) -> Runs:
        """As `backfill`; `work_per_document` in requests."""
        documents = self._population.documents
        size = int(max(1, min(PAGE, _BLOCK_WORK / max(work_per_document, 1e-9), documents)))
        count = int(max(_LEAST_BLOCKS, min(documents / size, _POOL_WORK / max(size * work_per_document, 1.0))))
        calm, peak, calm_gave_up = self._calm(size, count)
        blocks = documents / size
        picked = self._rng.multinomial(max(1, int(blocks)), np.full(count, 1 / count), repetitions)
        rows = picked @ calm * (blocks / max(1, int(blocks)))
        rows *= self._length_factor(repetitions)
        gave_up = np.full(repetitions, float(calm_gave_up))
        if self._provider.storms_per_hour * self._provider.storm_s > 0:
            hit = self._rng.poisson(self._provider.storms_per_hour * rows[:, 4])
            added, ended = self._episodes(size, page_s=float(calm[:, 4].mean()) * 3600)
            for repetition, number in enumerate(np.minimum(hit, 10_000).tolist()):
                drawn = self._rng.integers(0, len(added), number)
                rows[repetition] += added[drawn].sum(axis=0) * (hit[repetition] / max(1, number))
                gave_up[repetition] = max(gave_up[repetition], ended[drawn].max(initial=0.0))
        per_token = self._release.model.price.per_million_tokens / 1e6
        how = f"{count} pages of {size} documents and {_EPISODES} storms are simulated and resampled"
        return Runs(rows, rows[:, 1] * per_token + peak, gave_up, how)

    def _calm(self, size: int, count: int) -> tuple[Numbers, float, bool]:
        """A row for each of `count` pages, the money set aside at once on top, and whether the patience ended."""
        run = Run(self._release, self._provider, seed=(self._seed, "calm"), spells=())
        run.page(self._population.some(self._rng, size))  # uses up the burst of the beginning
        rows = [self._page(run, size) for _ in range(count)]
        per_token = self._release.model.price.per_million_tokens / 1e6
        return np.array(rows), max(0.0, run.ledger.peak - run.client.tally.tokens * per_token), run.gave_up

    def _page(self, run: Run, size: int) -> list[float]:
        before, documents = run.client.tally, self._population.some(self._rng, size)
        run.page(documents)
        return _row(run.client.tally - before, sum(map(len, documents)))

    def _length_factor(self, repetitions: int) -> Numbers:
        """What another set of documents has more of than the pages that were simulated, for each column."""
        totals = self._population.totals(self._rng, repetitions)
        each = np.maximum(self._population.per_document.mean(axis=0), 1e-9) * self._population.documents
        passages, tokens = (totals / each).T
        return np.column_stack([passages, tokens, tokens, tokens, tokens])

    def _episodes(self, size: int, *, page_s: float) -> tuple[Numbers, Numbers]:
        """What a storm adds: the same pages with and without it, from the same luck."""
        added, ended = [], []
        for episode in range(_EPISODES):
            luck = stream(self._seed, "episode", episode)
            begin = luck.uniform(0.0, page_s)
            spell = (begin, begin + luck.expovariate(1 / self._provider.storm_s))
            seed = (self._seed, "episode", episode)
            stormy = Run(self._release, self._provider, seed=seed, spells=(spell,))
            calm = Run(self._release, self._provider, seed=seed, spells=())
            while True:
                documents = self._population.some(self._rng, size)
                stormy.page(documents)
                calm.page(documents)
                if stormy.client.now > spell[1]:
                    break
            more = stormy.client.tally - calm.client.tally
            added.append([max(0.0, value) for value in _row(more, 0.0)])
            ended.append(float(stormy.gave_up))
        return np.array(added), np.array(ended)
