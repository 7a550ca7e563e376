"""A reader that remembers what views answered.

The documents of a rehearsal don't change, and verification, comparison and the judging of the index ask many of the
same searches: each is asked once.
"""

from __future__ import annotations

from typing import Any

import orjson
from elasticsearch import Elasticsearch

from turnout.elastic.reader import Reader


class RememberingReader(Reader):
    """For views that are full: `forget` before one is written to.

    `fresh` asks the server each time, for timing. Searches in `documents` are never remembered.
    """

    def __init__(self, client: Elasticsearch) -> None:
        super().__init__(client)
        self.fresh = Reader(client)
        self.documents = ""
        self._known: dict[tuple[str, bytes], dict[str, Any]] = {}

    def search(self, index: str, body: dict[str, Any]) -> dict[str, Any]:
        """See `Reader`."""
        if index == self.documents:
            return super().search(index, body)
        key = index, orjson.dumps(body)
        if key not in self._known:
            self._known[key] = super().search(index, body)
        return self._known[key]

    def forget(self) -> None:
        """Views are about to change."""
        self._known.clear()
