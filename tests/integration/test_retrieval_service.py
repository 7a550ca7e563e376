"""The service on a real socket over a real Elasticsearch: start, refuse, degrade, drain."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from support.fake_embedder import FakeEmbedder
from support.releases import make_release
from support.running_service import running
from support.served_views import add_documents, toy_document, write_view
from support.switchable_proxy import proxy_to
from support.toy_model import make_toy_model
from turnout.elastic.state import Quarantine, ReleaseRecord
from turnout.embedding.store import load
from turnout.errors import EnvironmentProblem, Refused
from turnout.release.fingerprint import encode

RELEASE = make_release(pipeline={"retrieval": {"timeout_ms": 5000}})
DOCUMENTS = [("points", "the points were set"), ("signal", "a red signal"), ("both", "a red signal before the points")]


@pytest.fixture
def fill(client, names):
    """Write the view of a release."""

    def write(release=RELEASE, embedder=None, attempt=1, extra=()):
        documents = [toy_document(name, text) for name, text in DOCUMENTS]
        return write_view(client, names, release, embedder or FakeEmbedder(), [*documents, *extra], attempt=attempt)

    return write


@pytest.fixture
def serve(names, elastic_url):
    """Start a service; `load_model` and the server's address may be others."""

    def start(release=RELEASE, load_model=FakeEmbedder, url=elastic_url):
        return running(release, names, url, load_model)

    return start


def ids(reply):
    assert reply.status_code == 200, reply.text
    return [hit["id"] for hit in reply.json()["hits"]]


def sample(service, name, **labels):
    return service.service.metrics.registry.get_sample_value(name, {"release": RELEASE.id, **labels})


def test_all_modes_answer_and_say_what_answered(fill, serve):
    view = fill()
    with serve() as service:
        service.wait_ready()
        for mode in ("lexical", "vector", "hybrid"):
            reply = service.search("red signal", mode=mode, passages=True, k=2)
            assert set(ids(reply)) == {"signal", "both"}
            body = reply.json()
            assert (body["mode"], body["release"], body["view"]) == (mode, RELEASE.id, view)
            assert (body["degraded"], body["stale"]) == (None, False)
            assert (reply.headers["X-Turnout-Release"], reply.headers["X-Turnout-View"]) == (RELEASE.id, view)
            assert "X-Turnout-Degraded" not in reply.headers
            best = body["hits"][0]["passage"]
            assert {best["text"][start:end] for start, end in best["highlights"]} == {"red", "signal"}
        assert service.http.get("/version").json()["view"] == view
        assert ids(service.http.get("/search", params={"q": "points", "mode": "lexical", "k": 1})) == ["points"]


def test_tenants_and_filters_hold_through_http(fill, serve):
    fill(extra=[toy_document("points", "the points", tenant="acme"), toy_document("rare", "the points", kind="y")])
    with serve() as service:
        service.wait_ready()
        for mode in ("lexical", "vector", "hybrid"):
            assert ids(service.search("points", mode=mode, tenant="acme")) == ["points"]
            assert ids(service.search("points", mode=mode, tenant="nobody")) == []
            assert ids(service.search("points", mode=mode, filters={"kind": ["y"]})) == ["rare"]
        refused = service.search("points", filters={"turnout.tenant": ["acme"]})
        assert refused.status_code == 400


def test_before_its_view_exists_it_is_alive_and_not_ready(fill, serve):
    with serve() as service:
        state = service.wait_until(lambda state: state["reason"] == "no_view")
        assert RELEASE.fingerprints.index in state["detail"]
        assert service.http.get("/healthz").status_code == 200
        assert service.http.get("/readyz").status_code == 503
        refused = service.search("points")
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        fill()
        service.wait_ready()
        assert ids(service.search("points", mode="lexical", k=1)) == ["points"]


def test_a_search_that_comes_while_the_process_starts_waits_for_the_first_look(fill, serve):
    def load_model():
        time.sleep(1.0)
        return FakeEmbedder()

    fill()
    with serve(load_model=load_model) as service:
        assert service.http.get("/readyz").json()["reason"] == "starting"
        assert ids(service.search("points", mode="lexical", k=1)) == ["points"]


def test_a_view_that_is_still_being_built_is_not_served(fill, serve, writer, names):
    view = fill()
    building = ReleaseRecord(collection="toys", at="1", release_id=RELEASE.id, state="building", view=view, release={})
    writer.ensure_state_index(names)
    writer.put_state(names, building)
    with serve() as service:
        service.wait_until(lambda state: state["reason"] == "view_not_complete")
        writer.put_state(names, ReleaseRecord(**{**as_dict(building), "state": "ready"}))
        service.wait_ready()


def test_a_release_in_quarantine_waits_with_its_reason_and_one_that_is_served_stays(fill, serve, writer, names):
    fill()
    condemned = Quarantine(
        collection="toys", at="2026-01-01", release_id=RELEASE.id, by="run-1 (error-ratio)", reason="20 % errors"
    )
    writer.ensure_state_index(names)
    with serve() as served:
        served.wait_ready()
        writer.put_state(names, condemned)
        with serve() as waiting:
            state = waiting.wait_until(lambda state: state["reason"] == "quarantined")
            assert state["detail"] == f"{RELEASE.id} is in quarantine since 2026-01-01: 20 % errors"
            assert waiting.search("points").status_code == 503
        assert served.wait_ready()["reason"] == "ready"
        served.service.pinning.lost(served.service.pinning.pinned)
        served.wait_ready()


def test_a_quarantine_that_cannot_be_asked_for_is_waited_for(fill, serve, elastic_url):
    fill()
    with proxy_to(elastic_url) as proxy, serve(url=proxy.url) as service:
        service.wait_until(lambda state: state["reason"] == "elasticsearch_unavailable")
        proxy.up()
        service.wait_ready()


def as_dict(record):
    return {name: getattr(record, name) for name in record.__struct_fields__}


def test_a_model_that_did_not_fill_the_view_is_refused(fill, serve):
    fill(embedder=FakeEmbedder(salt="another model"))
    with serve() as service:
        state = service.wait_until(lambda state: state["reason"] == "attestation_refused")
        assert "least cosine" in state["detail"]
        assert service.search("points", mode="lexical").status_code == 503
        assert sample(service, "attestation_refused_total") >= 1
        assert sample(service, "turnout_ready") == 0


def test_a_model_of_other_dims_or_files_is_refused_too(fill, serve):
    def other_files():
        raise Refused("the weights are not those of the release")

    fill()
    for load_model in (lambda: FakeEmbedder(dims=8), other_files):
        with serve(load_model=load_model) as service:
            service.wait_until(lambda state: state["reason"] == "attestation_refused")


def test_without_a_model_words_answer_until_the_model_is_there(fill, serve):
    there = threading.Event()

    def load_model():
        if not there.is_set():
            raise EnvironmentProblem("the model is not in the store")
        return FakeEmbedder()

    fill()
    with serve(load_model=load_model) as service:
        assert "not in the store" in service.wait_ready()["degraded"]
        reply = service.search("red signal")
        assert reply.json()["mode"] == "lexical"
        assert reply.json()["degraded"] == reply.headers["X-Turnout-Degraded"] == "model_unavailable"
        assert sample(service, "search_degraded_total", reason="model_unavailable") == 1
        there.set()
        service.wait_until(lambda state: state["degraded"] is None)
        deadline = time.monotonic() + 10
        while service.search("red signal").json()["mode"] != "hybrid":
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_elasticsearch_that_comes_late_and_goes_away_and_comes_back(fill, serve, elastic_url):
    fill()
    with proxy_to(elastic_url) as proxy, serve(url=proxy.url) as service:
        service.wait_until(lambda state: state["reason"] == "elasticsearch_unavailable")
        proxy.up()
        service.wait_ready()
        good = service.search("red signal").json()
        proxy.down()
        kept = service.search("red signal")
        assert kept.headers["X-Turnout-Degraded"] == "elasticsearch_unavailable"
        assert kept.json()["stale"] is True
        assert kept.json()["hits"] == good["hits"]
        never_asked = service.search("something else")
        assert (never_asked.status_code, never_asked.headers["Retry-After"]) == (503, "1")
        assert never_asked.headers["Content-Type"] == "application/problem+json"
        time.sleep(0.3)  # a few looks of the loop
        assert service.http.get("/readyz").status_code == 200, "kept answers need a ready pod"
        proxy.up()
        assert service.search("something else").status_code == 200


def test_it_stays_with_its_view_and_is_unready_when_that_vanishes(fill, serve, client):
    first = fill()
    with serve() as service:
        service.wait_ready()
        second = fill(attempt=2)
        time.sleep(0.5)
        assert service.search("points").json()["view"] == first
        client.indices.delete(index=second)
        client.indices.delete(index=first)
        assert service.search("points").status_code == 503, "not even a kept answer from a view that is gone"
        service.wait_until(lambda state: not state["ready"])
        fill(attempt=3)
        service.wait_ready()


def test_a_view_of_the_same_name_and_another_incarnation_is_attested_again(fill, serve, client):
    view = fill()
    with serve() as service:
        service.wait_ready()
        client.indices.delete(index=view)
        fill(embedder=FakeEmbedder(salt="another model"))
        service.wait_until(lambda state: state["reason"] == "attestation_refused")


def test_what_does_not_fit_is_shed_with_a_time_to_come_back(fill, serve):
    class Slow(FakeEmbedder):
        slow = False

        def embed(self, texts, *, kind):
            time.sleep(0.5 if self.slow else 0)
            return super().embed(texts, kind=kind)

    release = make_release(pipeline={"retrieval": {"timeout_ms": 5000}, "limits": {"max_concurrent_searches": 2}})
    model = Slow()
    fill(release)
    with serve(release, lambda: model) as service:
        service.wait_ready()
        model.slow = True
        with ThreadPoolExecutor(12) as pool:
            replies = list(pool.map(lambda n: service.search(f"points {n}"), range(12)))
        statuses = sorted(reply.status_code for reply in replies)
        assert set(statuses) == {200, 503}
        assert all("Retry-After" in reply.headers for reply in replies if reply.status_code == 503)
        shed = service.service.metrics.registry.get_sample_value("search_shed_total", {"release": release.id})
        assert shed == statuses.count(503)


def test_a_probe_is_answered_like_a_search_within_the_same_limits_and_counted_apart_from_users(fill, serve):
    fill()
    with serve() as service:
        service.wait_ready()
        for asked in (
            {"query": "red signal", "passages": True},
            {"query": "points", "k": 1, "filters": {"kind": ["x"]}},
        ):
            searched, probed = (service.http.post(path, json=asked).json() for path in ("/search", "/probe"))
            assert {**probed, "took_ms": 0} == {**searched, "took_ms": 0}
        other = service.http.post("/probe", json={"query": "points"}, headers={"X-Tenant": "acme"})
        assert (ids(other), other.headers["X-Turnout-Release"]) == ([], RELEASE.id)
        twice = [("X-Tenant", "acme"), ("X-Tenant", "default")]
        assert service.http.post("/probe", json={"query": "points"}, headers=twice).status_code == 400
        for body in (*HOSTILE, b'{"query": "a", "k": 101}', b'{"query": "%s"}' % (b"a" * 1001)):
            assert service.http.post("/probe", content=body).status_code == 400, body[:60]
        assert service.http.post("/probe", content=b'{"query": "' + b"a" * 300_000 + b'"}').status_code == 413
        assert service.http.get("/probe", params={"q": "points"}).status_code == 405
        assert sample(service, "http_requests_total", method="POST", path="/probe", status="200") == 3
        assert sample(service, "http_requests_total", method="POST", path="/search", status="200") == 2
        assert sample(service, "http_request_duration_seconds_count", path="/probe", status="200") == 3
        assert sample(service, "search_empty_total") == 0


@pytest.mark.parametrize(("path", "counted"), [("/search", True), ("/probe", False)])
def test_probes_are_shed_as_searches_are_and_only_searches_are_counted_as_shed(fill, serve, path, counted):
    release = make_release(pipeline={"retrieval": {"timeout_ms": 300}, "limits": {"max_concurrent_searches": 1}})
    fill(release)
    with serve(release) as service:
        service.wait_ready()
        service.service._admission._slots._value = 0  # somebody else's search holds the only place
        reply = service.http.post(path, json={"query": "points"})
        assert (reply.status_code, reply.headers["Retry-After"]) == (503, "1")
        shed = service.service.metrics.registry.get_sample_value("search_shed_total", {"release": release.id})
        assert shed == counted


HOSTILE = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"x"',
    b"\xff\xfe",
    b'{"query": "a", "unknown": 1}',
    b'{"query": "a", "k": 0}',
    b'{"query": "a", "k": "3"}',
    b'{"query": "a", "k": 1.5}',
    b'{"query": "a", "k": 1e400}',
    b'{"query": "a", "k": 99999999999999999999999}',
    b'{"query": ""}',
    b'{"query": " \\n "}',
    b'{"query": "\\ud800"}',
    b'{"query": {"match_all": {}}}',
    b'{"query": "a", "mode": "exact"}',
    b'{"query": "a", "filters": {"kind": []}}',
    b'{"query": "a", "filters": {"kind": [null]}}',
    b"[" * 100_000,
    b'{"query": "a", "filters": ' + b'{"kind": ' * 20_000 + b"1" + b"}" * 20_001,
]


def test_hostile_bodies_are_refused_with_a_place_and_a_remedy(fill, serve):
    fill()
    with serve() as service:
        service.wait_ready()
        for body in HOSTILE:
            reply = service.http.post("/search", content=body, headers={"Content-Type": "application/json"})
            problem = reply.json()
            assert (reply.status_code, problem["status"]) == (400, 400), (body[:60], reply.text)
            assert reply.headers["Content-Type"] == "application/problem+json"
            assert problem["remedy"]
            assert "Traceback" not in reply.text
        huge = service.http.post("/search", content=b'{"query": "' + b"a" * 300_000 + b'"}')
        assert huge.status_code == 413


def test_odd_but_valid_queries_are_answered(fill, serve):
    fill()
    with serve() as service:
        service.wait_ready()
        for text in ("\x00", "\x1b[31m", "\u202eabc", "🚂" * 300, "' OR 1=1 --", "*:*", "a " * 499, "\uffff", "the of"):
            for mode in ("lexical", "vector", "hybrid"):
                assert service.search(text, mode=mode, passages=True).status_code == 200, (text[:20], mode)


def test_no_header_can_be_injected_and_no_query_text_is_logged(fill, serve, caplog):
    caplog.set_level(logging.INFO)
    fill()
    with serve() as service:
        service.wait_ready()
        with socket.create_connection((service.http.base_url.host, service.http.base_url.port)) as raw:
            raw.sendall(b"GET /search?q=a%0d%0aSet-Cookie:%20x HTTP/1.1\r\nHost: x\r\nX-Tenant: a\x01b\r\n\r\n")
            assert b"Set-Cookie" not in raw.recv(4096).split(b"\r\n\r\n")[0]
        service.search("secretword")
        service.http.get("/search", params={"q": "secretword"})
        service.http.get("/search", params={"q": "secretword", "k": 0})
    ours = [entry.getMessage() for entry in caplog.records if not entry.name.startswith(("httpx", "httpcore"))]
    assert not [line for line in ours if "secretword" in line]


def test_metrics_carry_the_names_that_dashboards_use_and_only_known_paths(fill, serve):
    fill()
    with serve() as service:
        service.wait_ready()
        service.search("points")
        service.http.get("/no/such/path")
        text = service.http.get("/metrics").text
    for name in (
        "embedding_inference_latency_seconds_bucket",
        "vector_db_query_duration_seconds_bucket",
        "embedding_model_batch_size_bucket",
        "http_requests_total",
        "http_request_duration_seconds_bucket",
        "search_degraded_total",
        "search_shed_total",
        "search_empty_total",
        "http_requests_in_flight",
        "turnout_release_info",
        "turnout_ready",
    ):
        lines = [line for line in text.splitlines() if line.startswith(name)]
        assert lines, name
        assert all(f'release="{RELEASE.id}"' in line for line in lines), name
    assert 'path="other"' in text
    assert "/no/such/path" not in text


@pytest.fixture
def process(tmp_path, names, elastic_url, client):
    """`turnout serve` as it is run, over a real small model."""
    model = make_toy_model(tmp_path / "models")
    release = make_release(
        model={"id": model.id, "digests": {"weights": model.digests.weights, "tokenizer": model.digests.tokenizer}},
        pipeline={"retrieval": {"timeout_ms": 5000}},
    )
    write_view(client, names, release, load(release.model, tmp_path / "models"), [toy_document("d", "the points")])
    (tmp_path / "release.json").write_bytes(encode(release))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "TURNOUT_ELASTICSEARCH_URL": elastic_url,
        "TURNOUT_INDEX_PREFIX": names.prefix,
        "TURNOUT_MODELS": str(tmp_path / "models"),
        "POD_TEMPLATE_HASH": "5f7d",
    }
    arguments = ["serve", "--release", str(tmp_path / "release.json"), "--port", str(port), "--drain", "1"]
    log = (tmp_path / "log").open("w+")
    running_process = subprocess.Popen(
        [sys.executable, "-c", "from turnout.cli import main; main()", *arguments], env=environment, stderr=log
    )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
        yield running_process, http, release
    running_process.kill()
    running_process.wait()
    log.close()


def test_a_pod_serves_what_was_verified_and_a_sigterm_drains_without_losing_a_search(process, writer, names):
    running_process, http, release = process
    wait_for(lambda: http.get("/readyz").json()["reason"] == "release_not_ready")
    view = names.view(release.fingerprints.index, 1)
    writer.put_state(
        names, ReleaseRecord(collection="toys", at="1", release_id=release.id, state="ready", view=view, release={})
    )
    wait_for(lambda: http.get("/readyz").status_code == 200)
    assert http.post("/search", json={"query": "points"}).json()["release"] == release.id
    assert 'rollouts_pod_template_hash="5f7d"' in http.get("/metrics").text
    running_process.send_signal(signal.SIGTERM)
    wait_for(lambda: http.get("/readyz").status_code == 503)
    assert http.get("/readyz").json()["reason"] == "draining"
    assert http.post("/search", json={"query": "points"}).status_code == 200
    assert running_process.wait(10) == 0


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < end
        time.sleep(0.05)


def test_deletes_reach_answers_as_soon_as_elasticsearch_shows_them(fill, serve, client):
    view = fill()
    with serve() as service:
        service.wait_ready()
        assert "both" in ids(service.search("red signal"))
        add_documents(client, view, FakeEmbedder(), [toy_document("both", state="deleted")])
        for mode in ("lexical", "vector", "hybrid"):
            assert "both" not in ids(service.search("red signal", mode=mode))
