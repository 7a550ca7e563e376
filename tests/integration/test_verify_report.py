"""Verify on a real server with real (tiny) models: good releases pass, each bad one fails the check made for it."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from elasticsearch import Elasticsearch

from support.following import World, make_world
from support.releases import make_release
from support.toy_model import TEXT, make_toy_model
from turnout.elastic.names import Names
from turnout.elastic.views import View
from turnout.embedding.store import load
from turnout.evaluation import QuerySet, parse_query_set, run
from turnout.ingest import SourceDocument
from turnout.release.artifacts import Release
from turnout.verify import Check, Live, Report, verify

WORDS = sorted(set(TEXT.lower().replace(",", "").replace(".", "").replace(";", "").split()))
DOCUMENTS, QUERIES, LENGTH = 60, 30, 40
GATES = {"verify": {"ann_recall": {"k": 5, "min": 0.8, "queries": 10}, "quality": {"min_queries": 20}}}


class Bench(NamedTuple):
    """A followed view of a good release, one of a release that keeps only the first words, and a query set."""

    world: World
    view: View
    lossy: Release
    lossy_view: View
    query_set: QuerySet


@pytest.fixture(scope="module")
def bench(elastic_url: str, client: Elasticsearch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    prefix = f"t{uuid.uuid4().hex[:10]}-"
    try:
        yield make_bench(elastic_url, Names(collection="toys", prefix=prefix), tmp_path_factory.mktemp("models"))
    finally:
        client.indices.delete(index=list(client.indices.get(index=f"{prefix}*", expand_wildcards="all")))


def make_bench(url: str, names: Names, models: Path) -> Bench:
    settings: dict[str, Any] = {"pipeline": {"retrieval": {"mode": "vector"}}, "gates": GATES}
    world = make_world(url, names, models, **settings)
    rng = random.Random(5)
    texts = {f"d{n}": " ".join(rng.choices(WORDS, k=LENGTH)) for n in range(DOCUMENTS)}
    world.documents.upsert_many(
        SourceDocument(source_id=name, title=name, text=text, fields={"kind": "x"}) for name, text in texts.items()
    )
    world.documents.delete("d59")
    cut = {"chunk": {"size": 4, "overlap": 0, "max_passages": 1, "on_overflow": "truncate"}}
    lossy = make_release(
        model=msgspec.to_builtins(world.release.model), pipeline=settings["pipeline"] | cut, gates=GATES
    )
    views = world.view(), world.view(lossy)
    world.catch_up(views[0])
    world.catch_up(views[1], release=lossy)
    queries = "".join(f'{{"_id": "q{n}", "text": "{texts[f"d{n}"][-80:]}"}}\n' for n in range(QUERIES))
    qrels = "query-id\tcorpus-id\tscore\n" + "".join(f"q{n}\td{n}\t1\n" for n in range(QUERIES))
    for view in views:
        world.reader.refresh(view.index)
    return Bench(world, views[0], lossy, views[1], parse_query_set(queries.encode(), qrels.encode()))


def verified(bench: Bench, *, view: View | None = None, release: Release | None = None, **changes: Any) -> Report:
    world = bench.world
    arguments: dict[str, Any] = {
        "embedder": world.embedder,
        "query_set": bench.query_set,
        "live": Live(world.release, bench.view, world.embedder),
        "catch_up": lambda: None,
        "progress": lambda check: None,
    }
    return verify(world.reader, world.names, release or world.release, view or bench.view, **(arguments | changes))


def verdicts(report: Report) -> dict[str, str]:
    return {check.name: check.verdict for check in report.checks}


def test_the_first_release_passes_without_a_baseline(bench: Bench) -> None:
    told: list[Check] = []
    report = verified(bench, live=None, progress=told.append)
    names = ("attestation", "parity", "placeholders", "ann_recall", "quality")
    assert verdicts(report) == dict.fromkeys(names, "pass")
    assert told == list(report.checks)
    quality = report.checks[-1].evidence
    assert quality["baseline"] == "none"
    assert quality["metrics"]["recall@100"]["candidate"] == 1.0
    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(report.as_record())), Report) == report


def test_equal_releases_pass_with_no_gain(bench: Bench) -> None:
    report = verified(bench)
    assert report.verdict == "pass"
    assert report.checks[-1].evidence["metrics"]["ndcg@10"]["gain"] == 0.0


def test_a_release_that_loses_most_of_the_text_fails_by_quality_alone(bench: Bench) -> None:
    report = verified(bench, view=bench.lossy_view, release=bench.lossy)
    assert verdicts(report) | {"ann_recall": ""} == {
        "attestation": "pass",
        "parity": "pass",
        "placeholders": "pass",
        "ann_recall": "",
        "quality": "fail",
    }
    assert report.verdict == "fail"


def test_another_model_fails_attestation_and_its_ranking_is_not_judged(bench: Bench) -> None:
    other = load(make_toy_model(bench.world.models, seed=1), bench.world.models)
    report = verified(bench, embedder=other)
    assert verdicts(report) == {
        "attestation": "fail",
        "parity": "pass",
        "placeholders": "pass",
        "ann_recall": "inconclusive",
        "quality": "inconclusive",
    }
    assert report.checks[-1].evidence == {"not_run": True}


def test_a_release_that_can_index_nothing_is_complete_and_fails_all_the_same(bench: Bench) -> None:
    world = bench.world
    refusing = {"chunk": {"size": 4, "overlap": 0, "max_passages": 1, "on_overflow": "refuse"}}
    release = make_release(model=msgspec.to_builtins(world.release.model), pipeline=refusing, gates=GATES)
    view = world.view(release)
    world.catch_up(view, release=release)
    world.reader.refresh(view.index)
    report = verified(bench, view=view, release=release, live=None)
    assert verdicts(report)["parity"] == "pass"
    failed = report.check("placeholders")
    assert failed is not None
    assert failed.verdict == "fail"
    assert failed.evidence["placeholders"] == DOCUMENTS - 1
    assert len(failed.evidence["examples"]) == 20


def test_without_a_query_set_nothing_is_promoted(bench: Bench) -> None:
    assert verified(bench, query_set=None).verdict == "inconclusive"


def test_the_same_question_gets_the_same_answer(bench: Bench) -> None:
    first, again = (verified(bench, view=bench.lossy_view, release=bench.lossy).checks[-1] for _ in range(2))
    assert msgspec.structs.replace(first, seconds=0) == msgspec.structs.replace(again, seconds=0)


@pytest.mark.parametrize("mode", ["lexical", "vector", "hybrid"])
def test_a_run_ranks_plain_ids_of_live_documents(bench: Bench, mode: Any) -> None:
    world = bench.world
    found = run(world.reader, world.release, bench.view.index, bench.query_set, world.embedder, k=20, mode=mode)
    assert list(found) == [query.id for query in bench.query_set.queries]
    assert all(len(set(ranking)) == len(ranking) <= 20 for ranking in found.values())
    assert {document for ranking in found.values() for document in ranking} <= {f"d{n}" for n in range(59)}
    assert sum(f"d{n}" in found[f"q{n}"] for n in range(QUERIES)) > QUERIES * 2 / 3
