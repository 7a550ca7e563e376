"""How many documents there are and how long they are, cheaply: lengths leave the server, texts don't."""

from __future__ import annotations

import math

from turnout.elastic.documents import LIVE_DOCUMENTS
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.views import LIVE_FILTER

SAMPLE = 500
"""Documents looked at, at most. The mean of so many is within a few percent for texts that differ twofold."""

CHARS_PER_TOKEN = 4
"""The stated approximation: no tokenizer is loaded to plan."""

_SEED = 20260101
_LENGTH = "def text = params._source.text; return text == null ? 0 : text.length()"


def live_documents(reader: Reader, names: Names, view: str | None = None) -> int:
    """Documents that aren't deleted, in the documents index or in a view; 0 without that index."""
    index = view or names.documents
    if reader.describe(index) is None:
        return 0
    return reader.count(index, LIVE_FILTER if view else LIVE_DOCUMENTS)


def sample_tokens(reader: Reader, names: Names) -> tuple[int, ...]:
    """Estimated tokens of each document of a seeded random sample of at most `SAMPLE`; empty without documents.

    Raises:
        Unavailable: Elasticsearch can't be reached.
    """
    if reader.describe(names.documents) is None:
        return ()
    body = {
        "size": SAMPLE,
        "_source": False,
        "query": {
            "function_score": {"query": LIVE_DOCUMENTS, "random_score": {"seed": _SEED, "field": "_seq_no"}},
        },
        "script_fields": {"chars": {"script": {"source": _LENGTH}}},
        "track_total_hits": False,
    }
    hits = reader.search(names.documents, body)["hits"]["hits"]
    return tuple(math.ceil(hit["fields"]["chars"][0] / CHARS_PER_TOKEN) for hit in hits)
