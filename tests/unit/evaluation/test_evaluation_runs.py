"""Runs of several releases over documents that change meanwhile."""

from __future__ import annotations

from typing import Any, cast

from support.fake_embedder import FakeEmbedder
from support.releases import make_release
from turnout.elastic.reader import Reader
from turnout.evaluation.query_set import parse_query_set
from turnout.evaluation.runs import Ranked, run_together

QUERIES = 20
RELEASE = make_release(pipeline={"retrieval": {"mode": "lexical"}})


class Shrinking:
    """An index that loses its best document after half of all searches."""

    def __init__(self, searches: int) -> None:
        self.left = searches // 2

    def search(self, view: str, body: dict[str, Any]) -> dict[str, Any]:
        self.left -= 1
        hits = ["default:best", "default:other"] if self.left >= 0 else ["default:other"]
        return {"hits": {"hits": [{"_id": hit} for hit in hits]}}


def test_two_releases_that_are_asked_together_see_the_same_documents() -> None:
    queries = "".join(f'{{"_id": "q{number}", "text": "text {number}"}}\n' for number in range(QUERIES))
    qrels = "query-id\tcorpus-id\tscore\n" + "".join(f"q{number}\tbest\t1\n" for number in range(QUERIES))
    query_set = parse_query_set(queries.encode(), qrels.encode())
    reader = cast(Reader, Shrinking(2 * QUERIES))
    sides = [Ranked(RELEASE, view, FakeEmbedder()) for view in ("one", "two")]
    first, second = run_together(reader, sides, query_set, k=10)
    assert {len(first[f"q{number}"]) for number in range(QUERIES)} == {1, 2}
    differing = [query for query in first if first[query] != second[query]]
    assert len(differing) <= 1
