"""A fixed sample of passages in both embedding spaces: how many neighbours stay, and maps to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from turnout.elastic.documents import DEFAULT_TENANT, document_id
from turnout.elastic.reader import Reader
from turnout.rehearsal.result import Spaces
from turnout.rehearsal.sides import Built

MOST = 250
FEWEST = 12
"""With fewer passages everything is everybody's neighbour."""
_NEIGHBOURS = 10
_GROUPS = 8
_PERPLEXITY = 30.0
_OTHER = "other"
_AT_ONCE = 25  # documents in one answer: each may have many passages

Matrix = NDArray[np.float32]


class Passage(msgspec.Struct, frozen=True):
    """The first passage of a document, as the head cut it, with its vector and its group."""

    text: str
    vector: tuple[float, ...]
    group: str


def spaces(reader: Reader, base: Built, head: Built, source_ids: Sequence[str], *, seed: int) -> Spaces | None:
    """Both spaces of the same passages; None for a sample that is too small.

    The passages are the head's. A vector that the base's view has for the very text is taken from there, the others are
    computed.
    """
    rng = np.random.default_rng(seed)
    chosen = [document_id(DEFAULT_TENANT, source_ids[place]) for place in rng.permutation(len(source_ids))[:MOST]]
    passages = _passages(reader, head, chosen)
    if len(passages) < FEWEST:
        return None
    vectors = np.array([passage.vector for passage in passages.values()], np.float32)
    before = _base_vectors(reader, base, passages)
    head_xy = _map(vectors, seed)
    return Spaces(
        passages=len(passages),
        neighbours_kept_at_10=neighbours_kept(before, vectors),
        base_xy=head_xy if np.array_equal(before, vectors) else _map(before, seed),
        head_xy=head_xy,
        groups=_named(passage.group for passage in passages.values()),
    )


def neighbours_kept(before: Matrix, after: Matrix, *, k: int = _NEIGHBOURS) -> float:
    """Mean share of each row's `k` nearest rows (cosine, itself left out) that are the same in both matrices."""
    k = min(k, len(before) - 1)
    kept = [len(set(one) & set(other)) / k for one, other in zip(_nearest(before, k), _nearest(after, k), strict=True)]
    return float(np.mean(kept))


def _nearest(vectors: Matrix, k: int) -> NDArray[np.int64]:
    exact = vectors.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    exact = exact / np.where(lengths == 0, 1, lengths)
    likeness = exact @ exact.T
    np.fill_diagonal(likeness, -np.inf)
    # Rounded, so that equal passages tie and both sides break the tie in the same way.
    nearest: NDArray[np.int64] = np.argsort(-likeness.round(9), axis=1, kind="stable")[:, :k]
    return nearest


def _map(vectors: Matrix, seed: int) -> tuple[tuple[float, float], ...]:
    # Here and not above: it takes a second to import, and only checks have it installed.
    from sklearn.manifold import TSNE  # type: ignore[import-untyped]

    perplexity = min(_PERPLEXITY, (len(vectors) - 1) / 3)
    # For so few passages the exact method takes a fifth of the time of the approximate one.
    tsne = TSNE(init="pca", random_state=seed, perplexity=perplexity, max_iter=500, method="exact")
    made = tsne.fit_transform(vectors)
    return tuple((round(float(x), 3), round(float(y), 3)) for x, y in made)


def _passages(reader: Reader, built: Built, ids: Sequence[str]) -> dict[str, Passage]:
    fields, filters = built.release.pipeline.index, built.release.pipeline.retrieval.filter_fields
    found = {}
    for hit_id, source in _sources(reader, built, ids, filters[:1]).items():
        for passage in source.get(fields.passages) or []:
            vector = passage.get(fields.passage_vector)
            if vector:
                group = _group(source, filters)
                found[hit_id] = Passage(passage.get(fields.passage_text, ""), tuple(map(float, vector)), group)
            break
    return found


def _base_vectors(reader: Reader, base: Built, passages: dict[str, Passage]) -> Matrix:
    fields = base.release.pipeline.index
    vectors: list[Any] = []
    sources = _sources(reader, base, list(passages), ())
    for hit_id, passage in passages.items():
        stored = sources.get(hit_id, {}).get(fields.passages) or []
        same = (each for each in stored if each.get(fields.passage_text) == passage.text)
        vectors.append(next((each[fields.passage_vector] for each in same if each.get(fields.passage_vector)), None))
    missing = [place for place, vector in enumerate(vectors) if vector is None]
    texts = [passage.text for passage in passages.values()]
    for place, vector in zip(
        missing, base.model.embed([texts[place] for place in missing], kind="passage"), strict=True
    ):
        vectors[place] = vector
    return np.array(vectors, np.float32)


def _sources(reader: Reader, built: Built, ids: Sequence[str], more: Sequence[str]) -> dict[str, dict[str, Any]]:
    fields = [built.release.pipeline.index.passages, *more]
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        hits = reader.get_many(built.view, some, fields=fields, vectors=True, realtime=False)
        found |= {hit_id: hits[hit_id].source for hit_id in some if hit_id in hits}
    return found


def _group(source: dict[str, Any], filters: Sequence[str]) -> str:
    value = source.get(filters[0]) if filters else None
    if isinstance(value, list):
        value = value[0] if value else None
    return _OTHER if value is None else str(value)


def _named(groups: Any) -> tuple[str, ...]:
    """The most frequent groups by name, the rest together."""
    every = list(groups)
    counts = sorted(Counter(every).items(), key=lambda pair: (-pair[1], pair[0]))
    top = {group for group, _ in counts[:_GROUPS]}
    return tuple(group if group in top else _OTHER for group in every)
