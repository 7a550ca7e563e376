"""The passage that is shown with a hit: which one, and with what marked. Used by `bodies` only."""

from __future__ import annotations

from typing import Any

from turnout.query.request import Query
from turnout.release.artifacts import Release

# Put around matched words by Elasticsearch. Private-use characters, which texts hardly hold; who reads them back
# compares with the stored text, so that a text which does hold them is shown unmarked and not wrong.
MARK_START = "\ue000"
MARK_END = "\ue001"


def text_field(release: Release) -> str:
    """The full name of the passages' text field."""
    fields = release.pipeline.index
    return f"{fields.passages}.{fields.passage_text}"


def best_match(release: Release, query: Query) -> dict[str, Any]:
    """A query inside the nested passages: all of them, the ones that share words with the query first."""
    searchable = [{"match": {text_field(release): query.text}}] if _searchable(release) else []
    return {"bool": {"must": [{"match_all": {}}], "should": searchable}}


def inner_hits(release: Release, query: Query) -> dict[str, Any]:
    """The best passage of each hit: its text, and its text with the words of the query marked."""
    field = text_field(release)
    body: dict[str, Any] = {"size": 1, "_source": [field]}
    if _searchable(release):
        body["highlight"] = {
            "fields": {field: {"number_of_fragments": 0, "highlight_query": {"match": {field: query.text}}}},
            "pre_tags": [MARK_START],
            "post_tags": [MARK_END],
        }
    return body


def _searchable(release: Release) -> bool:
    fields = release.pipeline.index
    passages = release.mapping["mappings"]["properties"][fields.passages]
    text = passages["properties"].get(fields.passage_text, {})
    return text.get("type") == "text" and bool(text.get("index", True))
