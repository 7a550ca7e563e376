"""The search bodies against a real server: filters before top-k, nothing that isn't live, stable ties."""

import pytest

from support.fake_embedder import FakeEmbedder
from support.releases import make_release
from support.served_views import toy_document, write_view
from turnout.query import Query, fetch, lexical, vector
from turnout.query.passage import MARK_END, MARK_START

RELEASE = make_release()
EMBEDDER = FakeEmbedder()
WORDS = ["rail", "signal", "points", "siding", "sleeper", "ballast", "gauge", "platform", "tunnel", "bridge"]


def ask(text="rail signal", **changes):
    return Query(**{"text": text, "mode": "vector", "k": 10, "tenant": "default", **changes})


def embed(text):
    return EMBEDDER.embed([text], kind="query")[0]


@pytest.fixture
def search(client, names):
    """Fill a view with the documents given and search it."""

    def fill(documents, release=RELEASE):
        index = write_view(client, names, release, EMBEDDER, documents)
        return lambda body: client.search(index=index, body=body, allow_partial_search_results=False)["hits"]["hits"]

    return fill


def ids(hits):
    return [hit["_id"] for hit in hits]


def test_a_selective_filter_still_fills_k_with_neighbours(search):
    """5 of 300 documents pass, and they are the farthest: filtering after top-k would return none."""
    near = [toy_document(f"near{n}", "rail signal") for n in range(295)]
    far = [toy_document(f"far{n}", WORDS[n], "tunnel bridge", kind="rare") for n in range(5)]
    run = search(near + far)
    found = run(vector(RELEASE, ask(filters={"kind": ("rare",)}), embed("rail signal"), size=5))
    assert sorted(ids(found)) == [f"default:far{n}" for n in range(5)]


def test_a_small_tenant_gets_all_of_its_documents_and_no_other(search):
    run = search(
        [toy_document(f"d{n}", "rail signal", tenant="big") for n in range(300)]
        + [toy_document(f"d{n}", WORDS[n], tenant="small") for n in range(4)]
    )
    for exact in (False, True):
        found = run(vector(RELEASE, ask(tenant="small"), embed("rail signal"), size=4, exact=exact))
        assert sorted(ids(found)) == [f"small:d{n}" for n in range(4)]


def test_what_is_not_live_or_another_tenants_is_never_found(search):
    run = search(
        [
            toy_document("live", "rail signal"),
            toy_document("gone", "rail signal", state="deleted"),
            toy_document("broken", "rail signal", state="placeholder"),
            toy_document("other", "rail signal", tenant="other"),
        ]
    )
    query, wanted = ask(passages=True), embed("rail signal")
    everything = [f"default:{name}" for name in ("live", "gone", "broken")] + ["other:other"]
    for body in (
        lexical(RELEASE, query, size=10),
        vector(RELEASE, query, wanted, size=10),
        vector(RELEASE, query, wanted, size=10, exact=True),
        fetch(RELEASE, query, everything, embedding=wanted),
        fetch(RELEASE, query, everything),
    ):
        assert ids(run(body)) == ["default:live"]


def test_equal_scores_come_by_id_whatever_the_order_of_writing(search):
    names = ["c", "a", "e", "b", "d"]
    run = search([toy_document(name, "rail signal", title="same") for name in names])
    expected = [f"default:{name}" for name in sorted(names)]
    assert ids(run(lexical(RELEASE, ask(), size=5))) == expected
    assert ids(run(vector(RELEASE, ask(), embed("rail signal"), size=5))) == expected
    assert ids(run(vector(RELEASE, ask(), embed("rail signal"), size=5, exact=True))) == expected


def test_a_document_counts_once_by_its_best_passage(search):
    run = search(
        [
            toy_document("many", *["tunnel bridge"] * 20, "rail signal"),
            toy_document("one", "rail ballast"),
            toy_document("none", "platform gauge"),
        ]
    )
    found = run(vector(RELEASE, ask(passages=True), embed("rail signal"), size=3))
    assert ids(found)[:2] == ["default:many", "default:one"]
    assert len(found) == 3
    best = found[0]["inner_hits"]["passages"]["hits"]["hits"][0]
    assert best["_source"] == {"text": "rail signal"}
    assert best["highlight"]["passages.text"] == [f"{MARK_START}rail{MARK_END} {MARK_START}signal{MARK_END}"]


@pytest.mark.parametrize("similarity", ["cosine", "dot_product", "l2_norm", "max_inner_product"])
def test_exact_scores_are_on_the_scale_of_the_approximate_ones(search, similarity):
    release = make_release(
        mapping={
            "mappings": {
                "properties": {
                    "passages": {
                        "properties": {"vector": {"similarity": similarity, "index_options": {"type": "hnsw"}}}
                    }
                }
            }
        }
    )
    run = search([toy_document(f"d{n}", f"{WORDS[n]} {WORDS[n - 1]}", "x y z") for n in range(10)], release)
    near = {h["_id"]: h["_score"] for h in run(vector(release, ask(), embed("rail signal"), size=10))}
    exact = {h["_id"]: h["_score"] for h in run(vector(release, ask(), embed("rail signal"), size=10, exact=True))}
    assert len(exact) == 10
    assert near == pytest.approx(exact, abs=1e-4)


def test_a_fetch_shows_the_passage_that_is_nearest_to_the_vector(search):
    run = search([toy_document("d", "bridge tunnel", "rail signal", "gauge")])
    query = ask("signal")
    by_vector = run(fetch(RELEASE, ask(passages=True), ["default:d"], embedding=embed("gauge"), source=("title",)))[0]
    assert by_vector["inner_hits"]["passages"]["hits"]["hits"][0]["_source"]["text"] == "gauge"
    assert by_vector["_source"] == {"title": "d"}
    by_words = run(fetch(RELEASE, ask("signal", passages=True), ["default:d"]))[0]
    assert by_words["inner_hits"]["passages"]["hits"]["hits"][0]["_source"]["text"] == "rail signal"
    assert "inner_hits" not in run(fetch(RELEASE, query, ["default:d"]))[0]


def test_a_document_without_passages_is_found_by_words_only(search):
    empty = toy_document("empty") | {"title": "rail", "passages": []}
    run = search([empty, toy_document("full", "rail")])
    assert "default:empty" in ids(run(lexical(RELEASE, ask(), size=5)))
    assert ids(run(vector(RELEASE, ask(), embed("rail"), size=5, exact=True))) == ["default:full"]


@pytest.mark.parametrize("text", ["\x00", "\ud7ff\uffff", "*:* AND _exists_:a", "the", "\u202e", "(" * 900, "a " * 500])
def test_no_text_upsets_the_server(search, text):
    run = search([toy_document("d", "rail")])
    for passages in (False, True):
        run(lexical(RELEASE, ask(text, passages=passages), size=5))
        run(vector(RELEASE, ask(text, passages=passages), embed("rail"), size=5))
