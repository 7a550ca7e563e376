"""What providers are asked and how their answers are read. Pure: bytes in, vectors or a `WrongAnswer` out.

Everything that a server sends is checked: shape, number, length, order and that every number is finite. No message
here quotes an answer, for it may hold the texts or the key.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec
import numpy as np
import orjson

from turnout.embedding import Kind, Vectors
from turnout.release.artifacts import Model

_RESIZABLE_OPENAI = re.compile(r"(.*/)?text-embedding-3-(small|large)")
_RESIZABLE_COHERE = re.compile(r"(.*/)?embed-v4\.\d+")


_Reply = TypeVar("_Reply")


class WrongAnswer(Exception):
    """An answer that can't be used. `other_model` if it looks like that of another model than the release's."""

    def __init__(self, what: str, *, other_model: bool = False) -> None:
        super().__init__(what)
        self.what = what
        self.other_model = other_model


@dataclass(frozen=True)
class Answer:
    """Vectors in the order of the texts, as the provider gave them, and the tokens that it bills; None if it doesn't
    say."""

    vectors: Vectors
    billed_tokens: int | None


class ProviderProtocol(Protocol):
    """One provider's way to ask."""

    path: str
    """Behind the endpoint."""

    def question(self, texts: Sequence[str], kind: Kind) -> bytes:
        """The body of a request."""

    def answer(self, body: bytes, texts: Sequence[str]) -> Answer:
        """What a reply with status 200 says.

        Raises:
            WrongAnswer: it isn't a finite vector of the model's dims for each of `texts`.
        """


class _Row(msgspec.Struct):
    embedding: list[float]
    index: int


class _OpenaiUsage(msgspec.Struct):
    total_tokens: int | None = None


class _OpenaiReply(msgspec.Struct):
    data: list[_Row]
    usage: _OpenaiUsage | None = None


class _Openai:
    """`POST <endpoint>/embeddings`, as OpenAI and all that are compatible with it."""

    path = "/embeddings"

    def __init__(self, model: Model) -> None:
        self._dims = model.dims
        self._fixed: dict[str, Any] = {"model": model.id, "encoding_format": "float"}
        if _RESIZABLE_OPENAI.fullmatch(model.id):  # others refuse to be asked
            self._fixed["dimensions"] = model.dims

    def question(self, texts: Sequence[str], kind: Kind) -> bytes:  # noqa: ARG002
        return orjson.dumps({**self._fixed, "input": list(texts)})

    def answer(self, body: bytes, texts: Sequence[str]) -> Answer:
        reply = _decoded(body, _OpenaiReply)
        count = len(texts)
        _counted(len(reply.data), count)
        rows: dict[int, list[float]] = {row.index: row.embedding for row in reply.data}
        if rows.keys() != set(range(count)):
            raise WrongAnswer(f"the indexes of the vectors are not 0 to {count - 1}, each once")
        vectors = _vectors([rows[place] for place in range(count)], self._dims)
        return Answer(vectors, _tokens(reply.usage.total_tokens if reply.usage else None))


class _CohereEmbeddings(msgspec.Struct):
    float_: list[list[float]] = msgspec.field(name="float")


class _CohereUnits(msgspec.Struct):
    input_tokens: float | None = None


class _CohereMeta(msgspec.Struct):
    billed_units: _CohereUnits | None = None


class _CohereReply(msgspec.Struct):
    embeddings: _CohereEmbeddings
    texts: list[str] | None = None
    meta: _CohereMeta | None = None


class _Cohere:
    """`POST <endpoint>/v2/embed`, as Cohere. Vectors carry no index, but the texts come back beside them: where they
    are the same texts in another order, the answer is refused. Without them the order is taken on trust."""

    path = "/v2/embed"

    def __init__(self, model: Model) -> None:
        self._dims = model.dims
        self._fixed: dict[str, Any] = {"model": model.id, "embedding_types": ["float"], "truncate": "END"}
        if _RESIZABLE_COHERE.fullmatch(model.id):
            self._fixed["output_dimension"] = model.dims

    def question(self, texts: Sequence[str], kind: Kind) -> bytes:
        input_type = "search_query" if kind == "query" else "search_document"
        return orjson.dumps({**self._fixed, "input_type": input_type, "texts": list(texts)})

    def answer(self, body: bytes, texts: Sequence[str]) -> Answer:
        reply = _decoded(body, _CohereReply)
        _counted(len(reply.embeddings.float_), len(texts))
        if reply.texts is not None and reply.texts != list(texts) and sorted(reply.texts) == sorted(texts):
            raise WrongAnswer("the vectors came back in another order than the texts were sent in")
        units = reply.meta.billed_units if reply.meta else None
        return Answer(_vectors(reply.embeddings.float_, self._dims), _tokens(units.input_tokens if units else None))


def protocol_of(model: Model) -> ProviderProtocol:
    """How to ask for a hosted model."""
    return _Cohere(model) if model.runtime.name == "cohere" else _Openai(model)


def _decoded(body: bytes, into: type[_Reply]) -> _Reply:
    try:
        return msgspec.json.decode(body, type=into)
    except msgspec.ValidationError as error:
        raise WrongAnswer(f"the answer has another form: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise WrongAnswer("the answer is not JSON") from None


def _counted(given: int, wanted: int) -> None:
    if given != wanted:
        raise WrongAnswer(f"{wanted} texts were sent and {given} vectors came back")


def _vectors(rows: list[list[float]], dims: int) -> Vectors:
    for place, row in enumerate(rows):
        if len(row) != dims:
            problem = f"the vector of text {place} has {len(row)} numbers, the release says dims {dims}"
            raise WrongAnswer(problem, other_model=True)
    with np.errstate(over="ignore"):
        vectors = np.array(rows, np.float32).reshape(len(rows), dims)
    good = np.isfinite(vectors).all(axis=1) & vectors.any(axis=1)
    if not good.all():
        raise WrongAnswer(f"the vector of text {int(np.argmin(good))} is not finite, or zero")
    return vectors


def _tokens(given: float | None) -> int | None:
    """Billed tokens; None for what can't be a number of them."""
    return int(given) if given is not None and 0 < given < 1e12 else None
