"""Search bodies: what no caller can widen, and what is asked for."""

import json

import numpy as np
import pytest

from support.releases import make_release
from turnout.errors import BadInput
from turnout.query import Query, fetch, lexical, vector
from turnout.query.live import LIVE_FILTER

RELEASE = make_release()
VECTOR = [0.5] * 16


def ask(**changes):
    return Query(**{"text": "rail", "mode": "hybrid", "k": 3, "tenant": "acme", **changes})


def builders(query):
    yield lexical(RELEASE, query, size=3)
    yield vector(RELEASE, query, VECTOR, size=3)
    yield vector(RELEASE, query, VECTOR, size=3, exact=True)
    yield fetch(RELEASE, query, ["acme:1"], embedding=VECTOR)


def test_every_body_filters_by_state_and_tenant():
    for body in builders(ask()):
        filters = body["query"]["bool"]["filter"]
        assert LIVE_FILTER in filters
        assert {"term": {"turnout.tenant": "acme"}} in filters


def test_the_knn_clause_filters_by_itself():
    knn = vector(RELEASE, ask(filters={"kind": ("x",)}), VECTOR, size=3)["query"]["bool"]["must"][0]["nested"]["query"]
    assert knn["knn"]["filter"] == [LIVE_FILTER, {"term": {"turnout.tenant": "acme"}}, {"terms": {"kind": ["x"]}}]


@pytest.mark.parametrize("field", ["turnout.tenant", "turnout.state", "title", "_id", ""])
def test_a_filter_that_the_release_does_not_name_is_refused(field):
    for build in (
        lambda query: lexical(RELEASE, query, size=1),
        lambda query: vector(RELEASE, query, VECTOR, size=1),
        lambda query: fetch(RELEASE, query, ["a"]),
    ):
        with pytest.raises(BadInput, match="no filter on"):
            build(ask(filters={field: ("x",)}))


def test_ties_are_ordered_by_id_and_totals_are_not_counted():
    for body in builders(ask()):
        assert body["sort"] == [{"_score": "desc"}, {"turnout.id": "asc"}]
        assert body["track_total_hits"] is False


def test_no_source_is_returned_unless_it_is_asked_for():
    assert lexical(RELEASE, ask(), size=1)["_source"] is False
    assert lexical(RELEASE, ask(), size=1, source=("title",))["_source"] == ["title"]


def test_passages_are_asked_for_only_when_the_caller_wants_them():
    assert all("inner_hits" not in json.dumps(body) for body in builders(ask()))
    words, *others = builders(ask(passages=True))
    assert all("inner_hits" in json.dumps(body) for body in others)
    assert "inner_hits" not in json.dumps(words), "it would look into every match, not into the hits alone"


def test_candidates_are_never_fewer_than_results_and_never_more_than_the_server_takes():
    def candidates(size):
        return vector(RELEASE, ask(), VECTOR, size=size)["query"]["bool"]["must"][0]["nested"]["query"]["knn"]

    assert candidates(10)["num_candidates"] == 50
    assert candidates(80)["num_candidates"] == 80
    assert candidates(20_000)["num_candidates"] == 10_000


def test_an_array_makes_the_same_body_as_a_list():
    query = ask()
    array = np.array(VECTOR, dtype=np.float32)
    assert vector(RELEASE, query, array, size=3) == vector(RELEASE, query, VECTOR, size=3)


def test_the_text_is_never_parsed_as_query_syntax():
    text = '{"match_all":{}} OR *:* -rail "'
    body = lexical(RELEASE, ask(text=text), size=1)
    assert body["query"]["bool"]["must"][0]["multi_match"]["query"] == text


def test_boosts_of_the_release_reach_the_body():
    assert lexical(RELEASE, ask(), size=1)["query"]["bool"]["must"][0]["multi_match"]["fields"] == ["title^2", "body^1"]


def test_passages_whose_text_is_not_searchable_are_shown_without_marks():
    unsearchable = make_release(
        mapping={"mappings": {"properties": {"passages": {"properties": {"text": {"index": False}}}}}}
    )
    assert "highlight" not in json.dumps(fetch(unsearchable, ask(passages=True), ["a"]))
