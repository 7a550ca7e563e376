"""Schemathesis against the running service: what the OpenAPI document says is what it does."""

import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from support.fake_embedder import FakeEmbedder
from support.releases import make_release
from support.running_service import running
from support.served_views import toy_document, write_view
from turnout.elastic.names import Names

# A deadline that a busy machine keeps: a 503 would count as a failure of the service.
RELEASE = make_release(pipeline={"retrieval": {"timeout_ms": 10_000}})


@pytest.fixture(scope="module")
def served(client, elastic_url):
    """A service over a small view; kept for all examples."""
    names = Names(collection="toys", prefix=f"t{uuid.uuid4().hex[:10]}-")
    index = write_view(client, names, RELEASE, FakeEmbedder(), [toy_document(f"d{n}", "rail signal") for n in range(5)])
    with running(RELEASE, names, elastic_url, FakeEmbedder) as service:
        service.wait_ready()
        yield service
    client.indices.delete(index=index)


def test_the_service_does_what_its_openapi_document_says(served, tmp_path):
    """All phases and all checks; a folder of its own, because schemathesis keeps notes in the current one."""
    arguments = ["--checks", "all", "--max-examples", "30", "--workers", "1", "--no-color"]
    fixed = ["--seed", "1", "--generation-deterministic"]
    run = subprocess.run(
        [schemathesis_program(), "run", f"{served.http.base_url}/schema/openapi.json", *arguments, *fixed],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]


def schemathesis_program():
    return str(Path(sys.executable).with_name("schemathesis"))


def test_the_document_carries_the_limits_of_the_release(served):
    document = served.http.get("/schema/openapi.json").json()
    body = document["components"]["schemas"]["SearchRequest"]
    assert document["openapi"].startswith("3.1")
    assert body["additionalProperties"] is False
    assert body["properties"]["query"]["maxLength"] == RELEASE.pipeline.limits.max_query_chars
    assert list(body["properties"]["filters"]["properties"]) == ["kind"]
    assert {"maximum": RELEASE.pipeline.limits.max_k}.items() <= body["properties"]["k"]["anyOf"][0].items()
