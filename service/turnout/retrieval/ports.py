"""What a search needs from outside, and what it gives. Fakes of these stand in for servers and models in unit tests."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from turnout.embedding import Vectors
from turnout.release.artifacts import RetrievalMode
from turnout.retrieval.messages import DegradedReason, SearchHit

RawHit = dict[str, Any]


class Searches(Protocol):
    """What answers search bodies: `elastic.async_reader.AsyncReader`."""

    async def search(self, index: str, body: dict[str, Any], *, timeout_s: float) -> list[RawHit]:
        """The hits; see AsyncReader.search for the errors."""


class Embeds(Protocol):
    """What gives the vector of a query: `batching.QueryEmbedder`."""

    async def embed(self, text: str) -> Vectors:
        """The vector. Raises EmbeddingProblem."""


class Target(Protocol):
    """Where a search goes: one physical index and the model that filled it, or no model."""

    @property
    def index(self) -> str:
        """The name of the index."""

    @property
    def uuid(self) -> str:
        """Its incarnation."""

    @property
    def embeds(self) -> Embeds | None:
        """None while the model can't be loaded."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Hits, best first; see `messages.SearchReply` for the meaning of the rest."""

    mode: RetrievalMode
    hits: tuple[SearchHit, ...]
    degraded: DegradedReason | None = None
    stale: bool = False
