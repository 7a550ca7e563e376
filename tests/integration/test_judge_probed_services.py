"""A query set asked of real services over a real Elasticsearch: a good canary passes, a worse one fails, and one that
answers degraded is neither.
"""

from contextlib import ExitStack

import pytest

from support.fake_embedder import FakeEmbedder
from support.releases import make_release
from support.running_service import running
from support.served_views import toy_document, write_view
from turnout.canary.judgment import Judgment
from turnout.controller.probing_measure import Ways, measure
from turnout.controller.probing_recall import recall
from turnout.controller.probing_wanted import Task
from turnout.elastic.state import ProbeRecord, decode, encode
from turnout.errors import EnvironmentProblem
from turnout.evaluation import JudgedQuery, QuerySet
from turnout.judge.probe import Manner
from turnout.judge.quality import with_quality

COUNT = 24
WORDS = [f"alpha{number} beta{number}" for number in range(COUNT)]
RETRIEVAL = {"timeout_ms": 5000, "mode": "hybrid"}


def releases(**retrieval):
    return make_release(pipeline={"retrieval": RETRIEVAL | retrieval})


# The text of a document is about it, its title about its neighbour: a search that looks at titles is worse.
STABLE = releases(lexical_fields={"title": 0.01, "body": 1.0})
GOOD = releases(lexical_fields={"title": 0.02, "body": 1.0})
WORSE = releases(lexical_fields={"title": 9.0, "body": 0.1}, mode="lexical")
QUERIES = QuerySet(
    queries=tuple(JudgedQuery(id=f"q{number}", text=text) for number, text in enumerate(WORDS)),
    qrels={f"q{number}": {f"d{number}": 1} for number in range(COUNT)},
)
PASSED = Judgment(verdict="pass", reason="traffic", since=0.0, until=60.0, windows=2)


@pytest.fixture
def view(client, names):
    """The one view that all releases search."""
    documents = [
        toy_document(f"d{number}", text, title=WORDS[(number + 1) % COUNT]) for number, text in enumerate(WORDS)
    ]
    return write_view(client, names, STABLE, FakeEmbedder(), documents)


@pytest.fixture
def probe(view, reader, names, elastic_url):
    """Measure a canary against stable, both as running services."""

    def measured(canary, load_model=FakeEmbedder):
        with ExitStack() as stack:
            urls = {}
            for hash_, release, load in (("ccc", canary, load_model), ("sss", STABLE, FakeEmbedder)):
                service = stack.enter_context(running(release, names, elastic_url, load))
                service.wait_ready()
                if load is FakeEmbedder:
                    service.wait_until(lambda state: state["degraded"] is None)
                urls[hash_] = [str(service.http.base_url).rstrip("/")]
            task = Task(key="k", release=canary, hash="ccc", config_map="", stable=STABLE, stable_hash="sss")
            manner = Manner(per_s=200, again_after_s=())
            ways = Ways(
                reader=reader, pods=urls.__getitem__, manner=manner, stopped=lambda: False, progress=lambda _: None
            )
            return measure(task, QUERIES, ways)

    return measured


def judged(outcome):
    kept = ProbeRecord(collection="toys", at="2026-01-01T00:00:00Z", release="c", stable="s", state="done",
                       result=outcome.result)  # fmt: skip
    return with_quality(PASSED, decode(encode(kept)))


def test_a_canary_that_ranks_as_well_passes(probe):
    outcome = probe(GOOD)
    assert outcome.result.verdict == "pass", outcome
    assert (outcome.result.queries, outcome.result.loss, outcome.values["ndcg@10"]) == (COUNT, 0.0, 1.0)
    assert 0.9 <= outcome.result.canary_ann_recall == outcome.result.stable_ann_recall <= 1.0
    assert judged(outcome).verdict == "pass"


def test_a_canary_that_ranks_worse_fails(probe):
    outcome = probe(WORSE)
    assert outcome.result.verdict == "fail", outcome
    assert outcome.result.loss_low > 0.2
    assert "ndcg@10 goes from 1.000" in outcome.result.reason
    assert judged(outcome).verdict == "fail"


def test_a_canary_that_answers_degraded_has_not_lost_quality(probe):
    def broken():
        raise EnvironmentProblem("no model here")

    outcome = probe(GOOD, broken)
    assert outcome.result is None
    assert outcome.problem == (
        f"{COUNT} of {COUNT} queries got no whole answer: release {GOOD.id} answers degraded (model_unavailable)"
    )


def test_ann_recall_is_measured_on_stored_passages(view, reader):
    found = recall(reader, STABLE, view, stopped=lambda: False)
    assert 0.9 <= found <= 1.0
    assert recall(reader, STABLE, view, stopped=lambda: False) == found
    assert recall(reader, STABLE, view, stopped=lambda: True) is None
