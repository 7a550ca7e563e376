"""The steps down: what is answered when the model, the vectors or Elasticsearch fail."""

import asyncio

import numpy as np
import pytest

from support.releases import make_release
from turnout.elastic.async_reader import Gone
from turnout.errors import BadInput, Unavailable
from turnout.query import Query
from turnout.retrieval.batching import EmbeddingProblem
from turnout.retrieval.metrics import Metrics
from turnout.retrieval.search import Searcher

RELEASE = make_release()


class FakeReader:
    """Answers by the kind of body; an exception is raised, a number is slept for first."""

    def __init__(self, **answers):
        self.answers = {"lexical": ["a", "b"], "vector": ["b", "c"], **answers}
        self.asked = []

    async def search(self, index, body, *, timeout_s):
        kind = self._kind(body["query"]["bool"])
        self.asked.append(kind)
        answer = self.answers.get(kind)
        if kind == "fetch" and answer is None:
            return [hit(name) for name in reversed(body["query"]["bool"]["filter"][0]["ids"]["values"])]
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            answer = []
        if isinstance(answer, Exception):
            raise answer
        return [hit(f"default:{name}") for name in answer]

    def _kind(self, clause):
        if "must" not in clause:
            return "fetch"
        return "lexical" if "multi_match" in clause["must"][0] else "vector"


def hit(name):
    return {"_id": name, "_score": 1.0, "_source": {"title": name, "kind": "x"}}


class FakeTarget:
    index = "toys.view"

    def __init__(self, embed="default", uuid="u1"):
        self.uuid = uuid
        self.embeds = None if embed is None else self
        self._embed = embed

    async def embed(self, text):
        if isinstance(self._embed, Exception):
            raise self._embed
        if isinstance(self._embed, float):
            await asyncio.sleep(self._embed)
        return np.ones(16, dtype=np.float32)


def ask(reader, target=None, *, timeout_s=1.0, searcher=None, by_user=True, **changes):
    query = Query(**{"text": "rail", "mode": "hybrid", "k": 3, "tenant": "default", **changes})
    searcher = searcher or Searcher(RELEASE, reader, Metrics(RELEASE))
    return asyncio.run(searcher.answer(target or FakeTarget(), query, timeout_s=timeout_s, by_user=by_user))


def ids(answer):
    return [found.id for found in answer.hits]


DOWN = Unavailable("down")


def test_hybrid_fuses_both_rankings_and_shows_them_in_that_order():
    answer = ask(FakeReader())
    assert ids(answer) == ["b", "a", "c"]
    assert (answer.mode, answer.degraded, answer.stale) == ("hybrid", None, False)
    assert answer.hits[0].title == "default:b"


def test_at_most_k_hits_are_shown():
    assert ids(ask(FakeReader(), k=1)) == ["b"]


def test_a_document_that_vanished_before_it_was_fetched_is_left_out():
    assert ids(ask(FakeReader(fetch=["a"]))) == ["a"]


@pytest.mark.parametrize("mode", ["hybrid", "vector"])
@pytest.mark.parametrize(
    ("embed", "reason"),
    [
        (None, "model_unavailable"),
        (EmbeddingProblem("embedding_failed"), "embedding_failed"),
        (0.8, "embedding_slow"),
    ],
)
def test_without_a_vector_the_words_answer_and_say_why(mode, embed, reason):
    answer = ask(FakeReader(), FakeTarget(embed), mode=mode, timeout_s=0.5)
    assert (ids(answer), answer.mode, answer.degraded) == (["a", "b"], "lexical", reason)


@pytest.mark.parametrize("failure", [DOWN, BadInput("zero vector"), 0.45])
def test_hybrid_answers_with_words_when_only_the_vector_search_fails(failure):
    answer = ask(FakeReader(vector=failure), timeout_s=0.5)
    assert (ids(answer), answer.degraded) == (["a", "b"], "vector_search_failed")


def test_words_alone_never_ask_the_model():
    reader = FakeReader()
    assert ids(ask(reader, FakeTarget(EmbeddingProblem("embedding_failed")), mode="lexical")) == ["a", "b"]
    assert reader.asked == ["lexical"]


def test_passages_of_a_lexical_search_are_fetched_for_its_hits_alone():
    reader = FakeReader()
    assert ids(ask(reader, mode="lexical", passages=True)) == ["a", "b"]
    assert reader.asked == ["lexical", "fetch"]


@pytest.mark.parametrize("mode", ["hybrid", "vector", "lexical"])
@pytest.mark.parametrize("failure", [DOWN, 2.0])
def test_with_elasticsearch_down_the_last_good_answer_is_given_and_marked(mode, failure):
    reader = FakeReader()
    searcher = Searcher(RELEASE, reader, Metrics(RELEASE))
    good = ask(reader, searcher=searcher, mode=mode)
    reader.answers |= {"lexical": failure, "vector": failure}
    kept = ask(reader, searcher=searcher, mode=mode, timeout_s=0.2)
    assert kept.hits == good.hits
    assert (kept.stale, kept.degraded) == (True, "elasticsearch_unavailable")


@pytest.mark.parametrize("change", [{"tenant": "other"}, {"text": "rails"}, {"k": 2}, {"filters": {"kind": ("x",)}}])
def test_a_kept_answer_is_for_the_very_same_question_only(change):
    reader = FakeReader()
    searcher = Searcher(RELEASE, reader, Metrics(RELEASE))
    ask(reader, searcher=searcher)
    reader.answers |= {"lexical": DOWN, "vector": DOWN}
    with pytest.raises(Unavailable):
        ask(reader, searcher=searcher, **change)


def test_an_answer_of_another_view_is_never_given():
    reader = FakeReader()
    searcher = Searcher(RELEASE, reader, Metrics(RELEASE))
    ask(reader, searcher=searcher)
    reader.answers |= {"lexical": DOWN, "vector": DOWN}
    with pytest.raises(Unavailable):
        ask(reader, FakeTarget(uuid="u2"), searcher=searcher)


def test_a_degraded_answer_is_not_kept():
    reader = FakeReader()
    searcher = Searcher(RELEASE, reader, Metrics(RELEASE))
    ask(reader, FakeTarget(None), searcher=searcher)
    reader.answers |= {"lexical": DOWN, "vector": DOWN}
    with pytest.raises(Unavailable):
        ask(reader, searcher=searcher)


def test_a_view_that_is_gone_is_not_answered_from_memory():
    reader = FakeReader()
    searcher = Searcher(RELEASE, reader, Metrics(RELEASE))
    ask(reader, searcher=searcher)
    reader.answers |= {"lexical": Gone("gone"), "vector": Gone("gone")}
    with pytest.raises(Gone):
        ask(reader, searcher=searcher)


def test_bad_input_stays_bad_input():
    with pytest.raises(BadInput):
        ask(FakeReader(), filters={"nope": ("x",)})
    with pytest.raises(BadInput):
        ask(FakeReader(lexical=BadInput("no"), vector=BadInput("no")))


def test_degraded_and_empty_answers_are_counted_by_release():
    metrics = Metrics(RELEASE, pod_template_hash="abc")
    searcher = Searcher(RELEASE, FakeReader(lexical=[]), metrics)
    ask(None, FakeTarget(None), searcher=searcher)
    labels = {"release": RELEASE.id, "rollouts_pod_template_hash": "abc"}
    sample = metrics.registry.get_sample_value
    assert sample("search_degraded_total", labels | {"reason": "model_unavailable"}) == 1
    assert sample("search_empty_total", labels) == 1


def test_what_no_user_asked_counts_nowhere_and_is_not_kept():
    metrics = Metrics(RELEASE)
    reader = FakeReader()
    searcher = Searcher(RELEASE, reader, metrics)
    ask(reader, searcher=searcher, by_user=False)
    reader.answers |= {"lexical": DOWN, "vector": DOWN}
    with pytest.raises(Unavailable):
        ask(reader, searcher=searcher)
    reader.answers |= {"lexical": []}
    assert ask(reader, FakeTarget(None), searcher=searcher, by_user=False).degraded == "model_unavailable"
    for family in metrics.registry.collect():
        if family.name in ("search_degraded", "search_empty"):
            assert [sample.value for sample in family.samples if sample.value] == []
