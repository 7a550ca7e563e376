"""From Elasticsearch's hits to the hits of a reply. Pure; called by `search`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from turnout.elastic.documents import document_id
from turnout.query.passage import MARK_END, MARK_START, text_field
from turnout.release.artifacts import Release
from turnout.retrieval.messages import Passage, SearchHit

_MARKED = re.compile(f"{MARK_START}([^{MARK_START}{MARK_END}]*){MARK_END}")


class Shown:
    """What of a document is shown: its title and the fields copied from `fields.*`, never the whole text."""

    def __init__(self, release: Release) -> None:
        copied = release.pipeline.index.copy
        self._title = next((field for field, path in copied.items() if path == "title"), None)
        self._fields = tuple(field for field, path in copied.items() if path.startswith("fields."))
        self._nested = release.pipeline.index.passages
        self._text = text_field(release)
        self._text_name = release.pipeline.index.passage_text

    @property
    def source(self) -> tuple[str, ...]:
        """The fields of the view that a search must return."""
        return (*([self._title] if self._title else []), *self._fields)

    def hit(self, raw: Mapping[str, Any], *, tenant: str, score: float) -> SearchHit:
        """One hit of a reply."""
        source = raw.get("_source", {})
        title = _at(source, self._title) if self._title else None
        found = {field: _at(source, field) for field in self._fields}
        return SearchHit(
            id=_source_id(raw["_id"], tenant),
            score=score,
            title=None if title is None else str(title),
            fields={field: value for field, value in found.items() if value is not None},
            passage=self._passage(raw.get("inner_hits", {})),
        )

    def _passage(self, inner: Mapping[str, Any]) -> Passage | None:
        hits = inner.get(self._nested, {}).get("hits", {}).get("hits", [])
        if not hits:
            return None
        text = str(hits[0].get("_source", {}).get(self._text_name, ""))
        marked = hits[0].get("highlight", {}).get(self._text, [])
        return Passage(text=text, highlights=highlights(text, marked))


def highlights(text: str, marked: Iterable[str]) -> list[tuple[int, int]]:
    """Where the marks of a highlighted copy of `text` lie in it, as [start, end) in code points.

    Nothing if the copy without its marks is not the text: then the text itself holds marks.
    """
    whole = "".join(marked)
    if _MARKED.sub(r"\1", whole) != text:
        return []
    spans = []
    for earlier, match in enumerate(_MARKED.finditer(whole)):
        start = match.start() - 2 * earlier
        spans.append((start, start + len(match[1])))
    return spans


def _at(source: Mapping[str, Any], path: str) -> Any:
    value: Any = source
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _source_id(whole: str, tenant: str) -> str:
    """The id that the document's source gave it, without the tenant that turnout put before it."""
    return whole.removeprefix(document_id(tenant, "-")[:-1])
