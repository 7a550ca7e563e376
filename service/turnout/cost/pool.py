"""A large backfill from a part of it: pages that were simulated are drawn again and again. Used by `backfill`."""

from __future__ import annotations

import numpy as np

from turnout.cost.documents import Numbers, Population
from turnout.cost.provider import Provider, numbers, stream
from turnout.cost.repetitions import HOURS, TOKENS, Runs, row
from turnout.cost.run import PAGE, Run
from turnout.release.artifacts import Release

_POOL_WORK = 30_000.0
_BLOCK_WORK = 1_000.0
_LEAST_BLOCKS = 8
_EPISODES = 12
_MOST_DRAWN = 10_000


class Pool:
    """A large backfill, put together from pages that were simulated one after the other without storms, and from what
    single storms added to such a run."""

    def __init__(self, release: Release, population: Population, provider: Provider, seed: int) -> None:
        self._release, self._population, self._provider, self._seed = release, population, provider, seed
        self._rng = numbers(seed, "pool")

    def runs(self, repetitions: int, work_per_document: float) -> Runs:
        """As `backfill`; `work_per_document` in requests."""
        documents = self._population.documents
        size = int(max(1, min(PAGE, _BLOCK_WORK / max(work_per_document, 1e-9), documents)))
        count = int(max(_LEAST_BLOCKS, min(documents / size, _POOL_WORK / max(size * work_per_document, 1.0))))
        calm, peak, calm_gave_up = self._calm(size, count)
        blocks = documents / size
        picked = self._rng.multinomial(int(blocks), np.full(count, 1 / count), repetitions)
        rows = picked @ calm * (blocks / int(blocks)) * self._length_factor(repetitions)
        gave_up = np.full(repetitions, float(calm_gave_up))
        self._add_storms(rows, gave_up, size, page_s=float(calm[:, HOURS].mean()) * 3600)
        per_token = self._release.model.price.per_million_tokens / 1e6
        how = f"{count} pages of {size} documents and {_EPISODES} storms are simulated and resampled"
        return Runs(rows, rows[:, TOKENS] * per_token + peak, gave_up, how)

    def _add_storms(self, rows: Numbers, gave_up: Numbers, size: int, *, page_s: float) -> None:
        """As many storms as come in the hours of each repetition, with what they add."""
        if self._provider.storms_per_hour * self._provider.storm_s == 0:
            return
        added, ended = self._episodes(size, page_s=page_s)
        for repetition, hit in enumerate(self._rng.poisson(self._provider.storms_per_hour * rows[:, HOURS]).tolist()):
            drawn = self._rng.integers(0, len(added), min(hit, _MOST_DRAWN))
            rows[repetition] += added[drawn].sum(axis=0) * (hit / max(1, len(drawn)))
            gave_up[repetition] = max(gave_up[repetition], ended[drawn].max(initial=0.0))

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
        return row(run.client.tally - before, sum(map(len, documents)))

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
            added.append([max(0.0, value) for value in row(more, 0.0)])
            ended.append(float(stormy.gave_up))
        return np.array(added), np.array(ended)
