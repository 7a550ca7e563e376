"""`turnout check` from end to end: real Git, real Elasticsearch, tiny real models, a source of forty documents."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from support.applying import WORDS
from support.artifact_files import GATES, MODEL, PIPELINE, QRELS, QUERIES, TEXTS
from support.checked_repository import PLAIN, Repository
from support.switchable_proxy import proxy_to
from support.toy_model import make_toy_model
from turnout.evaluation.query_set import parse_qrels
from turnout.ingest.connectors.registry import make
from turnout.ingest.sampling import draw
from turnout.release.sample import write_sample

SAMPLE = "pipelines/toys/evaluation/sample.tsv"
TEXT = {f"d{n:02}": " ".join(itertools.islice(itertools.cycle(WORDS[n:]), 12)) for n in range(40)}
REPORTS = ["findings.sarif", "report.html", "report.json", "report.md"]


class Checked:
    """A repository whose collection can be rehearsed, and the command in a process of its own."""

    def __init__(self, repository: Repository, env: dict[str, str], prefix: str) -> None:
        self.repository = repository
        self.env = env
        self.prefix = prefix
        self.said = ""

    def check(self, *arguments: str, **env: str) -> int:
        command = [sys.executable, "-m", "turnout", "check", "--base", "main", "--processes", "0", *arguments]
        done = subprocess.run(command, env=self.env | env, capture_output=True, text=True, check=False)
        self.said = done.stdout + done.stderr
        return done.returncode

    def file(self, name: str) -> Path:
        return self.repository.root / "build" / "check" / name

    def report(self) -> dict[str, Any]:
        return dict(json.loads(self.file("report.json").read_text()))

    def one(self) -> dict[str, Any]:
        (only,) = self.report()["collections"]
        return dict(only)

    def rules(self) -> dict[str, str]:
        return {each["rule"]: each["verdict"] for each in self.one()["findings"]}


def rehearsable(root: Path) -> dict[str, str]:
    """Artifacts with a real model, a source, judged queries and a sample."""
    model = make_toy_model(root / "build" / "models")
    texts = dict(PLAIN)
    texts[MODEL] = re.sub("sha256:0+", model.digests.weights, TEXTS[MODEL])
    texts[MODEL] = re.sub("sha256:1+", model.digests.tokenizer, texts[MODEL])
    texts[MODEL] = texts[MODEL].replace("per_million_tokens: 0.5", "per_million_tokens: 0")
    texts[GATES] = texts[GATES].replace("min: 0.9", "min: 0.5") + "rehearsal:\n  min_judged: 0.01\n"
    texts[QUERIES] = "".join(f'{{"_id": "q{name}", "text": "{text}"}}\n' for name, text in TEXT.items())
    texts[QRELS] = "query-id\tcorpus-id\tscore\n" + "".join(f"q{name}\t{name}\t1\n" for name in TEXT)
    lines = [json.dumps({"id": name, "title": name, "text": text}) for name, text in TEXT.items()]
    (root / "documents.jsonl").write_text("\n".join(lines) + "\n")
    source = make("jsonl", {"path": "documents.jsonl"}, root=root, max_document_bytes=100_000)
    judged = {document for grades in parse_qrels(texts[QRELS].encode()).values() for document in grades}
    texts[SAMPLE] = write_sample(draw(source.read(), judged, size=0)).decode()
    return texts


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, elastic_url: str, client: Elasticsearch) -> Iterator[Checked]:
    """One base for all tests of this module: its view is built once."""
    root = tmp_path_factory.mktemp("repository")
    repository = Repository(root, rehearsable(root))
    prefix = f"t{uuid.uuid4().hex[:10]}-"
    settings = {
        "TURNOUT_ROOT": str(root),
        "TURNOUT_ELASTICSEARCH_URL": elastic_url,
        "TURNOUT_INDEX_PREFIX": prefix,
        "TURNOUT_MODELS": str(root / "build" / "models"),
    }
    yield Checked(repository, {**os.environ, **settings}, prefix)
    if left := list(client.indices.get(index=f"{prefix}*", expand_wildcards="all")):
        client.indices.delete(index=left)


@pytest.fixture
def checked(world: Checked) -> Iterator[Checked]:
    """The base as it was, on a branch of its own."""
    texts, base = dict(world.repository.texts), world.repository.git("rev-parse", "main")
    yield world
    world.repository.texts = texts
    world.repository.git("reset", "-q", "--hard", base)
    world.repository.git("clean", "-q", "-f", "-d")
    world.repository.git("branch", "-q", "-f", "main", base)


def test_a_change_of_a_search_parameter_passes_and_leaves_every_report_and_no_index(
    checked: Checked, client: Elasticsearch
) -> None:
    checked.repository.change(PIPELINE, {"rank_constant: 61": "rank_constant: 50"})
    assert checked.check() == 0, checked.said
    only = checked.one()
    assert (only["verdict"], only["change"]) == ("pass", "query")
    assert only["rehearsal"]["comparison"]["verdict"] == "pass"
    assert list(only["seconds"]) == ["validate", "plan", "cost", "rehearsal"]
    assert sorted(each.name for each in checked.file(".").iterdir()) == REPORTS
    assert checked.file("report.md").read_text().startswith("<!-- turnout-check -->\n")
    assert "toys: rehearsal: pass" in checked.said
    left = list(client.indices.get(index=f"{checked.prefix}*", expand_wildcards="all"))
    assert all(index.startswith(f"{checked.prefix}turnout-rehearsal-") for index in left)
    assert not client.indices.exists_alias(name=f"{checked.prefix}toys")


def test_documents_cut_to_a_word_are_stopped_by_the_rehearsal_of_the_upgrade(checked: Checked) -> None:
    lossy = {"size: 64": "size: 1", "overlap: 8": "overlap: 0", "max_passages: 50": "max_passages: 1"}
    lossy |= {"on_overflow: refuse": "on_overflow: truncate", "mode: hybrid": "mode: vector"}
    checked.repository.change(PIPELINE, lossy)
    assert checked.check() == 1, checked.said
    only = checked.one()
    assert (only["change"], checked.rules()["quality"]) == ("embed", "fail")
    assert only["rehearsal"]["upgrade"]


def test_a_raised_limit_of_a_model_that_costs_money_is_refused_before_the_rehearsal(checked: Checked) -> None:
    checked.repository.change(MODEL, {"per_million_tokens: 0": "per_million_tokens: 0.0001"})
    checked.repository.to_base()
    checked.repository.change(PIPELINE, {"tokens_per_minute: 1000000": "tokens_per_minute: 100000000"})
    assert checked.check() == 1, checked.said
    assert checked.rules()["rate-limit-raised"] == "fail"
    assert checked.rules()["not-rehearsed"] == "pass"
    cost = checked.one()["cost"]
    assert cost["head"]["worst_hour"]["money"] == pytest.approx(100 * cost["base"]["worst_hour"]["money"])


def test_an_empty_sample_is_inconclusive_with_exit_code_1(checked: Checked) -> None:
    checked.repository.change(PIPELINE, {"rank_constant: 61": "rank_constant: 50"})
    (checked.repository.root / "documents.jsonl").write_text('{"id": "other", "title": "x", "text": "x"}\n')
    assert checked.check() == 1, checked.said
    assert checked.rules() == {"empty-sample": "inconclusive"}


def test_a_model_that_is_not_prepared_is_a_problem_of_the_environment(checked: Checked, tmp_path: Path) -> None:
    checked.repository.change(PIPELINE, {"rank_constant: 61": "rank_constant: 50"})
    assert checked.check(TURNOUT_MODELS=str(tmp_path / "nothing")) == 3, checked.said
    assert checked.rules() == {"rehearsal-not-done": "inconclusive"}


def test_a_server_that_goes_away_mid_way_ends_with_3_and_a_report_of_what_was_found(
    checked: Checked, elastic_url: str, client: Elasticsearch
) -> None:
    checked.repository.change(PIPELINE, {"size: 64": "size: 48"})
    prefix = f"{checked.prefix}gone-"
    with proxy_to(elastic_url) as proxy, ThreadPoolExecutor() as pool:
        proxy.up()
        checking = pool.submit(checked.check, TURNOUT_ELASTICSEARCH_URL=proxy.url, TURNOUT_INDEX_PREFIX=prefix)
        while not client.indices.get(index=f"{prefix}*view*", expand_wildcards="all") and not checking.done():
            time.sleep(0.1)
        proxy.down()
        code = checking.result()
    assert code == 3, checked.said
    only = checked.one()
    assert (only["verdict"], only["plan"]["change"]) == ("inconclusive", "embed")
    assert checked.rules()["rehearsal-not-done"] == "inconclusive"


def test_a_check_that_is_told_to_end_gives_its_space_back(checked: Checked, client: Elasticsearch) -> None:
    checked.repository.change(PIPELINE, {"size: 64": "size: 48"})
    prefix = f"{checked.prefix}ended-"
    command = [sys.executable, "-m", "turnout", "check", "--base", "main", "--processes", "0"]
    with subprocess.Popen(command, env=checked.env | {"TURNOUT_INDEX_PREFIX": prefix}, stderr=subprocess.PIPE) as check:
        while not client.indices.get(index=f"{prefix}*view*", expand_wildcards="all") and check.poll() is None:
            time.sleep(0.1)
        check.terminate()
        _, said = check.communicate()
    assert check.returncode == 130, said.decode()
    (marker,) = client.indices.get(index=f"{prefix}*turnout.space", expand_wildcards="all")
    assert not client.exists(index=marker, id="lock")


def test_a_deleted_and_an_unchanged_collection_need_no_server(checked: Checked) -> None:
    assert checked.check(TURNOUT_ELASTICSEARCH_URL="http://127.0.0.1:9") == 0, checked.said
    assert checked.report()["collections"] == []
    checked.repository.delete()
    assert checked.check(TURNOUT_ELASTICSEARCH_URL="http://127.0.0.1:9") == 1, checked.said
    assert checked.rules() == {"collection-deleted": "fail"}
