"""The load that a cost is reckoned with, and where each figure of it came from. Unknown stays unknown: no guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import msgspec

from turnout.release.artifacts import Release

Figure = Literal["documents", "sample_tokens", "changes_per_day", "queries_per_hour", "query_tokens"]
FIGURES: tuple[Figure, ...] = ("documents", "sample_tokens", "changes_per_day", "queries_per_hour", "query_tokens")

WORDS: dict[Figure, str] = {
    "documents": "documents",
    "sample_tokens": "tokens of a document",
    "changes_per_day": "changes per day",
    "queries_per_hour": "queries per hour",
    "query_tokens": "tokens of a query",
}


@dataclass(frozen=True)
class Workload:
    """What a collection has to embed.

    Args:
        documents: in the source.
        sample_tokens: estimated tokens of each document of a sample; empty if no document was looked at.
        changes_per_day: documents written anew.
        queries_per_hour: queries that are embedded, a day's mean.
        query_tokens: tokens of a query, without prefix and special tokens.
        sources: where a figure came from, or why it is unknown.
    """

    documents: int | None = None
    sample_tokens: tuple[int, ...] = ()
    changes_per_day: float | None = None
    queries_per_hour: float | None = None
    query_tokens: int | None = None
    sources: Mapping[Figure, str] = field(default_factory=dict)

    def known(self, figure: Figure) -> bool:
        """Whether a figure was declared or measured."""
        return getattr(self, figure) not in (None, ())

    def missing(self) -> tuple[str, ...]:
        """What has to be known of a month and isn't, in words."""
        return tuple(WORDS[name] for name in FIGURES if not self.known(name) and not self._needless(name))

    def or_else(self, other: Workload) -> Workload:
        """The figures of `other` where this has none."""
        taken = [name for name in FIGURES if not self.known(name) and other.known(name)]
        sources = {**other.sources, **self.sources, **{name: other.sources.get(name, "given") for name in taken}}
        return replace(self, sources=sources, **{name: getattr(other, name) for name in taken})

    def with_sample(self, tokens: Sequence[int], source: str) -> Workload:
        """The same load with the lengths of real documents, where none are known yet."""
        return self.or_else(Workload(sample_tokens=tuple(tokens), sources={"sample_tokens": source}))

    def _needless(self, figure: Figure) -> bool:
        """Lengths of what never comes."""
        if figure == "sample_tokens":
            return self.changes_per_day == 0
        return figure == "documents" or (figure == "query_tokens" and self.queries_per_hour == 0)


def declared(release: Release) -> Workload:
    """The load by `pipeline.expected` and nothing else; nothing is known where it is left out."""
    expected = release.pipeline.expected
    if expected is msgspec.UNSET:
        return Workload(sources=dict.fromkeys(FIGURES, "unknown: pipeline.yaml has no `expected`"))
    return Workload(
        documents=expected.documents,
        changes_per_day=float(expected.changes_per_day),
        queries_per_hour=float(expected.queries_per_hour),
        query_tokens=expected.query_tokens,
        sources={
            **dict.fromkeys(FIGURES, "declared in pipeline.yaml, `expected`"),
            "sample_tokens": "unknown: no document was looked at",
        },
    )
