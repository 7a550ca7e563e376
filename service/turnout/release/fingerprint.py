"""Identity by content: what must be computed again when what changes (design: "Identity").

Called by `lock` and `validate`; everything else reads the result from release.json.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import orjson

from turnout.release.artifacts import (
    API_VERSION,
    CodeVersions,
    Evaluation,
    Fingerprints,
    Gates,
    Model,
    Pipeline,
    Release,
)
from turnout.release.endpoint import TOKEN_RULE_VERSION

_HEX = 16


def canonical(value: Any) -> bytes:
    """The one way to write a value down: JSON without spaces, keys sorted. Structs count by their fields."""
    return orjson.dumps(msgspec.to_builtins(value), option=orjson.OPT_SORT_KEYS)


def _name(letter: str, value: Any) -> str:
    return f"{letter}-{hashlib.sha256(canonical(value)).hexdigest()[:_HEX]}"


def _which(model: Model) -> dict[str, Any]:
    """What says which model it is. Of a hosted one that is what it is called and where: nobody can see more."""
    if not model.hosted:
        return _given(digests=model.digests, pooling=model.pooling)
    called = _given(provider=model.runtime.name, endpoint=model.endpoint, id=model.id, revision=model.revision)
    return {"hosted": {**called, "token_rule": TOKEN_RULE_VERSION}}


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not msgspec.UNSET}


def fingerprints(mapping: dict[str, Any], model: Model, pipeline: Pipeline, code: CodeVersions) -> Fingerprints:
    """The three fingerprints of a release's content."""
    which = _which(model)
    embedding = _name(
        "e",
        {
            **which,
            "normalize": model.normalize,
            "passage_prefix": model.prefixes.passage,
            "max_tokens": model.max_tokens,
            "dims": model.dims,
            "runtime": model.runtime,
            "clean": pipeline.clean,
            "chunk": pipeline.chunk,
            "code": code,
        },
    )
    index = _name("i", {"embedding": embedding, "mapping": mapping, "fields": pipeline.index})
    by = which.get("hosted") or which.get("digests")
    query = _name("q", {"retrieval": pipeline.retrieval, "query_prefix": model.prefixes.query, "model": by})
    return Fingerprints(embedding=embedding, index=index, query=query)


def build(
    collection: str,
    *,
    mapping: dict[str, Any],
    model: Model,
    pipeline: Pipeline,
    gates: Gates,
    evaluation: Evaluation | None,
    code: CodeVersions,
) -> Release:
    """The canonical release of a collection's artifacts."""
    content = Release(
        api_version=API_VERSION,
        kind="Release",
        collection=collection,
        id="",
        fingerprints=fingerprints(mapping, model, pipeline, code),
        mapping=mapping,
        model=model,
        pipeline=pipeline,
        gates=gates,
        evaluation=evaluation,
        code=code,
    )
    return msgspec.structs.replace(content, id=_name("r", content))


def encode(release: Release) -> bytes:
    """release.json as committed: sorted keys, two spaces, a newline at the end."""
    return orjson.dumps(
        msgspec.to_builtins(release), option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    )


def decode(data: bytes) -> Release:
    """The inverse of `encode`.

    Raises:
        msgspec.ValidationError: not a release of this API version.
    """
    return msgspec.json.decode(data, type=Release)
