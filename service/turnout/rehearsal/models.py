"""The models of a rehearsal, each loaded once, and what speaks against them before anything is built.

A model's vectors of queries are remembered: verification and comparison ask for the same ones, and a hosted model
bills each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from turnout.embedding import Embedder, Kind, Vectors
from turnout.embedding.files import identity, read_json
from turnout.embedding.hosted import backfilling
from turnout.embedding.store import folder_of, load
from turnout.rehearsal.settings import Settings
from turnout.release.artifacts import Digests, Model, Price, Release
from turnout.release.fingerprint import canonical

_PROMPTS = "config_sentence_transformers.json"
_PASSAGE_NAMES = ("passage", "document")
_FREE = Price(per_million_tokens=0.0)


class Remembering:
    """A model that remembers its vectors of queries. `fresh` is the model itself, for timing."""

    def __init__(self, fresh: Embedder) -> None:
        self.fresh = fresh
        self._known: dict[str, Vectors] = {}

    @property
    def dims(self) -> int:
        """See `Embedder`."""
        return self.fresh.dims

    @property
    def max_tokens(self) -> int:
        """See `Embedder`."""
        return self.fresh.max_tokens

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """See `Embedder`."""
        return self.fresh.token_spans(text)

    def embed(self, texts: Sequence[str], *, kind: Kind) -> Vectors:
        """See `Embedder`."""
        if kind != "query" or not texts:
            return self.fresh.embed(texts, kind=kind)
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        if new:
            self._known.update(zip(new, self.fresh.embed(new, kind=kind), strict=True))
        return np.stack([self._known[text] for text in texts])

    def close(self) -> None:
        """Nothing: `Models` closes what it loaded."""


class Models:
    """Loads each release's model once. Close it at the end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loaded: dict[bytes, Remembering] = {}

    def of(self, release: Release) -> Remembering:
        """The model of a release.

        Raises:
            EnvironmentProblem, Refused: as `store.load`.
        """
        key = canonical([release.model, release.pipeline.embed, release.pipeline.budget])
        if not release.model.hosted:
            key = canonical(msgspec.structs.replace(release.model, id="", license="", revision="", price=_FREE))
        if key not in self._loaded:
            hosting = backfilling(release, self._settings.embedding_key)
            self._loaded[key] = Remembering(load(release.model, self._settings.models, hosting=hosting))
        return self._loaded[key]

    def close(self) -> None:
        """Give the memory back."""
        for model in self._loaded.values():
            model.fresh.close()
        self._loaded.clear()


def contradictions(model: Model, store: Path) -> Iterator[str]:
    """What a model's own files say otherwise than the release. Loading it finds other digests, dims and lengths.

    The runtimes pool and normalise as the files say: a release that says otherwise would be served with vectors that
    it doesn't describe, and everything would agree until somebody runs the model by model.yaml.

    Raises:
        Refused: a file is missing or can't be read.
    """
    if model.hosted or not isinstance(model.digests, Digests):
        return
    folder = folder_of(model.digests.weights, store)
    own = identity(folder)
    for name, said, found in (("pooling", model.pooling, own.pooling), ("normalize", model.normalize, own.normalize)):
        if said != found:
            yield f"the release says {name} {said}, the model's own files say {found}"
    prompts = _prompts(folder)
    for side, names in (("query", ("query",)), ("passage", _PASSAGE_NAMES)):
        trained = next((prompts[name] for name in names if isinstance(prompts.get(name), str)), None)
        given = getattr(model.prefixes, side)
        if trained is not None and trained != given:
            yield f"the release puts {given!r} in front of a {side}, the model's own files say {trained!r}"


def _prompts(folder: Path) -> dict[str, Any]:
    """What sentence-transformers puts in front of texts; most models have none and say nothing."""
    path = folder / _PROMPTS
    found = read_json(path) if path.is_file() else {}
    prompts = found.get("prompts") if isinstance(found, dict) else None
    return prompts if isinstance(prompts, dict) else {}
