"""Which passages documents are cut into, as far as lengths tell, and how many documents of each length there are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from turnout.embedding.hosted.packing import Text
from turnout.embedding.hosted.tokens import SPECIAL
from turnout.plan.estimate import passages_of
from turnout.release.artifacts import Release

_CHARS_PER_TOKEN = 4

Numbers = NDArray[np.float64]


def passage_tokens(tokens: int, release: Release) -> tuple[int, ...]:
    """Tokens that the model sees of each passage of a document: prefix and special tokens come on top."""
    chunk, model = release.pipeline.chunk, release.model
    count = passages_of(tokens, release)
    if count == 0:
        return ()
    text = min(tokens + chunk.overlap * (count - 1), count * chunk.size)
    around = SPECIAL + prefix_tokens(model.prefixes.passage)
    spread = [*[chunk.size] * (count - 1), text - (count - 1) * chunk.size]
    return tuple(min(size + around, model.max_tokens) if model.hosted else size + around for size in spread)


def prefix_tokens(prefix: str) -> int:
    """Estimated tokens of a prefix, as the plan estimates them."""
    return math.ceil(len(prefix) / _CHARS_PER_TOKEN)


@dataclass(frozen=True)
class Population:
    """All documents, known by a sample.

    Args:
        documents: how many there are.
        passages: of each sampled document, the tokens of its passages.
    """

    documents: int
    passages: tuple[tuple[int, ...], ...]

    @staticmethod
    def of(documents: int, sample: Sequence[int], release: Release) -> Population:
        """The documents as `release` cuts them."""
        made = {tokens: passage_tokens(tokens, release) for tokens in set(sample)}
        return Population(documents, tuple(made[tokens] for tokens in sample))

    @property
    def per_document(self) -> Numbers:
        """Passages and tokens of each sampled document; shape (sampled, 2)."""
        return np.array([(len(found), sum(found)) for found in self.passages], np.float64).reshape(-1, 2)

    def weights(self, rng: np.random.Generator, repetitions: int) -> Numbers:
        """How likely each sampled document stands for one that wasn't, in each repetition.

        From a Dirichlet distribution (the Bayesian bootstrap), so that a small sample makes a wide spread; all equal if
        the sample is all there is.
        """
        sampled = len(self.passages)
        if self.documents <= sampled:
            return np.full((repetitions, sampled), 1 / sampled)
        return rng.dirichlet(np.ones(sampled), repetitions)

    def totals(self, rng: np.random.Generator, repetitions: int) -> Numbers:
        """Passages and tokens of all documents, in each repetition; shape (repetitions, 2).

        Sampled documents are there as they are, the others are drawn by `weights`.
        """
        sampled, each = len(self.passages), self.per_document
        if self.documents <= sampled:
            return np.tile(each.mean(axis=0) * self.documents, (repetitions, 1))
        counts = rng.multinomial(self.documents - sampled, self.weights(rng, repetitions))
        found: Numbers = each.sum(axis=0) + counts @ each
        return found

    def drawn(self, rng: np.random.Generator) -> list[tuple[int, ...]]:
        """All documents of one repetition, in a random order."""
        sampled = len(self.passages)
        if self.documents <= sampled:
            return [self.passages[place] for place in rng.permutation(sampled)[: self.documents]]
        others = rng.choice(sampled, self.documents - sampled, p=self.weights(rng, 1)[0])
        return [self.passages[place] for place in rng.permutation(np.concatenate([np.arange(sampled), others]))]

    def some(self, rng: np.random.Generator, count: int) -> list[tuple[int, ...]]:
        """Any documents, all of the sample equally likely."""
        return [self.passages[place] for place in rng.integers(0, len(self.passages), count)]


def texts_of(documents: Sequence[tuple[int, ...]]) -> list[Text]:
    """The texts of a page, for packing; their words are not known and not needed."""
    return [Text(place, "", size) for place, size in enumerate(size for found in documents for size in found)]
