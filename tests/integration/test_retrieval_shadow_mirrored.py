"""Two services over a real Elasticsearch, one mirrors to the other; and one that mirrors to a socket that is silent."""

import socket
import time

from support.fake_embedder import FakeEmbedder
from support.releases import make_release
from support.running_service import running
from support.served_views import toy_document, write_view
from turnout.retrieval import ShadowSettings

OWN = make_release(pipeline={"retrieval": {"timeout_ms": 5000}})
OTHER = make_release(pipeline={"retrieval": {"timeout_ms": 5000, "mode": "lexical", "k": 1}})
DOCUMENTS = [toy_document(name, f"the red signal {name}") for name in ("a", "b", "c")]


def counted(service, name, **labels):
    labels = {"release": service.service.release.id, **labels}
    return service.service.metrics.registry.get_sample_value(name, labels) or 0


def url_of(service):
    return str(service.http.base_url).rstrip("/")


def test_a_search_is_answered_by_both_and_only_its_overlap_is_shown(client, names, elastic_url):
    write_view(client, names, OWN, FakeEmbedder(), [*DOCUMENTS, toy_document("z", "red", tenant="acme")])
    assert OTHER.fingerprints.index == OWN.fingerprints.index
    with running(OTHER, names, elastic_url, FakeEmbedder) as other:
        settings = ShadowSettings(url=url_of(other), share=1.0)
        with running(OWN, names, elastic_url, FakeEmbedder, shadow=settings) as own:
            own.wait_ready()
            other.wait_ready()
            assert len(own.search("red signal").json()["hits"]) == 3
            end = time.monotonic() + 10
            while not (table := own.http.get("/shadow").json())["compared"]:
                assert time.monotonic() < end, table
                time.sleep(0.02)
            change = table["changes"][0]
            assert (change["overlap"], change["other_release"]) == (1 / 3, OTHER.id)
            assert "red signal" not in str(table)
            assert (change["query"], change["tenant"], change["gone"], change["came"]) == (None,) * 4
            assert counted(own, "search_shadow_overlap_count", other_release=OTHER.id) == 1
            assert counted(other, "http_requests_total", method="POST", path="/probe", status="200") == 1
            assert counted(other, "http_requests_total", method="POST", path="/search", status="200") == 0
            own.http.post("/probe", json={"query": "another"})
            time.sleep(0.7)
            assert counted(own, "search_shadow_total", outcome="compared") == 1, "probes are never mirrored"


def test_a_target_that_takes_connections_and_never_answers_slows_no_search(client, names, elastic_url):
    write_view(client, names, OWN, FakeEmbedder(), DOCUMENTS)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        hanging = ShadowSettings(url=f"http://127.0.0.1:{silent.getsockname()[1]}", share=1.0)
        with (
            running(OWN, names, elastic_url, FakeEmbedder, shadow=hanging) as mirroring,
            running(OWN, names, elastic_url, FakeEmbedder) as plain,
        ):
            mirroring.wait_ready()
            plain.wait_ready()
            taken = {id(service): [] for service in (mirroring, plain)}
            for _ in range(40):
                for service in (mirroring, plain):
                    started = time.perf_counter()
                    assert service.search("red signal", mode="lexical").status_code == 200
                    taken[id(service)].append(time.perf_counter() - started)
            quickest = {name: sorted(times)[len(times) // 2] for name, times in taken.items()}
            assert quickest[id(mirroring)] < 2 * quickest[id(plain)] + 0.005, quickest
            assert max(taken[id(mirroring)]) < 1.5, "far below the 2 s that the copy is waited for"
            assert counted(mirroring, "search_shadow_total", outcome="dropped") > 0
