"""The load and the size of vectors as a real server and a real page of metrics show them."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler

import numpy as np
import pytest
from elasticsearch import Elasticsearch, helpers
from prometheus_client import generate_latest

from support.loopback import listening
from support.releases import MAPPING, make_release
from turnout.cli.load import serving
from turnout.cost import Workload, calibration, declared
from turnout.cost.measure import LEAST_UPTIME_S, measured, query_rate
from turnout.elastic.documents import DOCUMENTS_MAPPING
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.writer import Writer
from turnout.errors import EnvironmentProblem
from turnout.retrieval.metrics import Metrics

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def write(client: Elasticsearch, writer: Writer, names: Names, ages: list[float]) -> None:
    """A live document for each age in days, and one that was deleted just now."""
    writer.create_index(names.documents, mappings=DOCUMENTS_MAPPING, settings={"number_of_shards": 2})
    actions = [
        {"_id": str(place), "deleted": age < 0, "updated_at": (NOW - timedelta(days=abs(age))).isoformat()}
        for place, age in enumerate([*ages, -0.1])
    ]
    helpers.bulk(client, actions, index=names.documents, refresh=True)


def seen(reader: Reader, names: Names) -> Workload:
    return measured(reader, names, documents=500, sample_tokens=(1, 2), now=NOW)


def test_changes_are_counted_where_they_were_written_and_the_first_ingest_is_none(
    client: Elasticsearch, reader: Reader, writer: Writer, names: Names
) -> None:
    luck = random.Random(1)
    # Each of 500 documents changes 0.05 times a day; what shows is the last time, or the first ingest 30 days ago.
    last = [30.0 - 0.01 * luck.random()] * 500
    for place in range(500):
        day = luck.expovariate(0.05)
        last[place] = min(last[place], day)
    write(client, writer, names, last)
    found = seen(reader, names)
    assert found.changes_per_day == pytest.approx(25, rel=0.2)
    assert found.sources["changes_per_day"].startswith("measured: ")


def test_a_young_index_and_one_that_was_just_ingested_tell_nothing(
    client: Elasticsearch, reader: Reader, writer: Writer, names: Names
) -> None:
    assert seen(reader, names).changes_per_day is None
    write(client, writer, names, [1.2] * 20)
    found = seen(reader, names)
    assert found.changes_per_day is None
    assert "too young" in found.sources["changes_per_day"]
    again = [{"_id": str(place), "deleted": False, "updated_at": NOW.isoformat()} for place in range(19)]
    old = {"_id": "19", "deleted": False, "updated_at": (NOW - timedelta(days=40)).isoformat()}
    helpers.bulk(client, [*again, old], index=names.documents, refresh=True)
    found = seen(reader, names)
    assert found.changes_per_day is None
    assert "as in an ingest" in found.sources["changes_per_day"]


@contextmanager
def page(text: bytes) -> Iterator[str]:
    """A server that answers every GET with `text`; gives its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text)

    with listening(Handler) as url:
        yield f"{url}/metrics"


def metrics(queries: int, uptime_s: float) -> bytes:
    """A service's own metrics, with another start."""
    own = Metrics(make_release())
    for _ in range(queries // 4):
        own.embedded(4, 0.01)
    lines = generate_latest(own.registry).decode().splitlines()
    rest = [line for line in lines if not line.startswith("process_start_time_seconds")]
    return "\n".join([*rest, f"process_start_time_seconds {time.time() - uptime_s}", ""]).encode()


def test_queries_are_counted_by_the_service_that_embeds_them() -> None:
    with page(metrics(400, 7200)) as one, page(metrics(100, 3600)) as two:
        assert query_rate([one])[0] == pytest.approx(200, rel=0.01)
        assert query_rate([one, two])[0] == pytest.approx(300, rel=0.01)


@pytest.mark.parametrize("text", [None, b"", b"<html>", b"\xff\xfe", b"embedding_model_batch_size_sum 4\n"])
def test_metrics_that_say_too_little_leave_the_rate_unknown(text: bytes | None) -> None:
    # Made here and not among the parameters: a service that was young when tests were collected is old by now.
    with page(metrics(4, LEAST_UPTIME_S / 2) if text is None else text) as url:
        rate, said = query_rate([url])
    assert rate is None
    assert said.startswith("unknown: ")


def test_a_measured_rate_goes_before_a_declared_one_and_one_that_was_asked_for_in_vain_is_an_error() -> None:
    expected = {"documents": 1, "changes_per_day": 2, "queries_per_hour": 3, "query_tokens": 4}
    with page(metrics(400, 7200)) as url:
        load = serving([url]).or_else(declared(make_release(pipeline={"expected": expected})))
    assert load.queries_per_hour == pytest.approx(200, rel=0.01)
    assert load.changes_per_day == 2.0
    with pytest.raises(EnvironmentProblem, match="rate of queries"):
        serving(["http://127.0.0.1:9/metrics"])


def test_a_service_that_is_away_leaves_the_rate_unknown_and_declared_figures_fill_in(
    reader: Reader, names: Names
) -> None:
    assert query_rate(["http://127.0.0.1:9/metrics"])[0] is None
    assert query_rate([])[0] is None
    expected = {"documents": 1, "changes_per_day": 2, "queries_per_hour": 3, "query_tokens": 4}
    load = seen(reader, names).or_else(declared(make_release(pipeline={"expected": expected})))
    assert (load.documents, load.changes_per_day, load.queries_per_hour, load.query_tokens) == (500, 2.0, 3.0, 4)
    assert load.sources["documents"].startswith("measured")
    assert load.sources["queries_per_hour"].startswith("declared")


def test_a_calibration_compares_the_formula_with_what_a_real_index_takes(client: Elasticsearch, prefix: str) -> None:
    release, index, count = make_release(), f"{prefix}calibration", 4000
    client.indices.create(index=index, mappings=MAPPING["mappings"], settings={"number_of_replicas": 0})
    vectors = np.random.default_rng(1).standard_normal((count, 16))
    documents = [
        {"passages": [{"text": "x", "vector": row.tolist()} for row in vectors[n : n + 4]]} for n in range(0, count, 4)
    ]
    helpers.bulk(client, documents, index=index, refresh=True)
    measured = Reader(client).vector_bytes(index)
    found = calibration(measured, release, count)
    assert found is not None
    assert 0.3 < found < 3
    assert calibration(None, release, count) is None
    assert calibration(measured, release, 0) is None
