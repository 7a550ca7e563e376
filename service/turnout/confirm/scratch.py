"""Throw-away indexes for one confirmation, gone when it ends however it ends."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from elasticsearch import ApiError

from turnout.elastic.views import SYSTEM_FIELD, SYSTEM_MAPPING
from turnout.elastic.writer import BulkItem, Writer
from turnout.errors import Unavailable
from turnout.plan.settings import flat_settings
from turnout.release.artifacts import Release


class Scratch:
    """Indexes under one unique prefix. Every method returns why the server said no; None when it said yes."""

    def __init__(self, writer: Writer, prefix: str) -> None:
        self._writer = writer
        self._prefix = f"{prefix}turnout-confirm-{uuid.uuid4().hex}-"
        self._made: list[str] = []

    def index(self, name: str) -> str:
        """The full name of an index of this confirmation."""
        return self._prefix + name

    def create(self, name: str, mapping: dict[str, Any]) -> str | None:
        """Create an index as a view is created: with turnout's own fields. Without replicas, to start at once."""
        mappings = dict(mapping.get("mappings") or {})
        mappings["properties"] = {**(mappings.get("properties") or {}), SYSTEM_FIELD: SYSTEM_MAPPING}
        settings = {**flat_settings(mapping.get("settings") or {}), "number_of_replicas": "0"}
        settings.pop("auto_expand_replicas", None)
        # Noted before the call: one that fails half-way is taken away too.
        self._made.append(self.index(name))
        return _refusal(lambda: self._writer.create_index(self.index(name), mappings=mappings, settings=settings))

    def change_mapping(self, name: str, body: dict[str, Any]) -> str | None:
        """Send a `_mapping` body; an empty one is always fine."""
        return _refusal(lambda: self._writer.put_mapping(self.index(name), body)) if body else None

    def change_settings(self, name: str, body: dict[str, Any]) -> str | None:
        """Send a `_settings` body; an empty one is always fine."""
        return _refusal(lambda: self._writer.put_settings(self.index(name), body)) if body else None

    def write(self, name: str, document: dict[str, Any]) -> str | None:
        """Index one document."""
        outcome = next(self._writer.bulk(self.index(name), [BulkItem("index", "1", document)]))
        return None if outcome.ok else outcome.error

    def close(self) -> None:
        """Delete everything that was made."""
        for index in self._made:
            self._writer.delete_index(index)


@contextmanager
def scratch(writer: Writer, prefix: str) -> Iterator[Scratch]:
    """A scratch space that is deleted at the end."""
    space = Scratch(writer, prefix)
    try:
        yield space
    finally:
        space.close()


def _refusal(call: Any) -> str | None:
    try:
        call()
    except Unavailable:
        raise
    except ApiError as error:
        # 9.4 answers HTTP 500 where an object's own parameter can't be changed: a refusal all the same.
        if error.status_code != 400 and error.error != "mapper_exception":
            raise
        return reason_of(error)
    return None


def reason_of(error: ApiError) -> str:
    """The server's own words, on one line."""
    body = error.body if isinstance(error.body, dict) else {}
    found = body.get("error", {})
    reason = found.get("reason", str(error)) if isinstance(found, dict) else str(found)
    return " ".join(str(reason).split())


def sample_document(release: Release) -> dict[str, Any]:
    """The smallest document as a follower of `release` writes it: one passage, and text where text can go."""
    index = release.pipeline.index
    passage = {index.passage_text: "probe", index.passage_vector: [1.0] + [0.0] * (release.model.dims - 1)}
    document: dict[str, Any] = {
        SYSTEM_FIELD: {"id": "1", "tenant": "probe", "owner": "probe", "state": "live", "version": 1, "text_hash": "0"},
        index.passages: [passage],
    }
    properties = (release.mapping.get("mappings") or {}).get("properties") or {}
    for field in index.copy:
        if (properties.get(field) or {}).get("type") in ("text", "keyword"):
            document[field] = "probe"
    return document
