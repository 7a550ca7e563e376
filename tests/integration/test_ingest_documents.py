"""The write API against the real server."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from turnout.elastic.documents import DOCUMENT_SHARDS, content_hash
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.writer import Writer
from turnout.errors import EnvironmentProblem, Refused
from turnout.ingest import Documents, SourceDocument

# Shapes of fields that Elasticsearch would choke on if it looked into them.
ODD_FIELDS: dict[str, Any] = {
    "": 1,
    "a..b": {"": None},
    ".": [[], {}],
    "big": 2**63,
    "f": 0.1,
    "n": None,
    "deep": [[[[1]]]],
}


@pytest.fixture
def documents(reader: Reader, writer: Writer, names: Names) -> Documents:
    documents = Documents(reader, writer, names)
    documents.ensure()
    return documents


def operations(reader: Reader, names: Names) -> int:
    """How many operations the documents index has seen: what followers would have to look at."""
    return sum(checkpoint + 1 for checkpoint in reader.global_checkpoints(names.documents).values())


def stored(reader: Reader, names: Names, *ids: str) -> dict[str, dict[str, Any]]:
    found = reader.get_many(names.documents, [f"default:{key}" for key in ids])
    return {key.removeprefix("default:"): hit.source for key, hit in found.items()}


def test_the_index_says_what_it_is_and_ensuring_it_again_changes_nothing(
    documents: Documents, reader: Reader, names: Names
) -> None:
    before = reader.describe(names.documents)
    documents.ensure()
    assert before is not None
    assert reader.describe(names.documents) == before
    assert before["mappings"]["_meta"]["turnout"] == {"collection": "toys", "role": "documents"}
    assert before["settings"]["index"]["number_of_shards"] == str(DOCUMENT_SHARDS)


def test_an_index_that_is_not_ours_is_refused(
    client: Elasticsearch, reader: Reader, writer: Writer, names: Names
) -> None:
    client.indices.create(index=names.documents, settings={"number_of_shards": 1})
    with pytest.raises(Refused, match="didn't make it"):
        Documents(reader, writer, names).ensure()


def test_what_was_written_is_read_back_and_writing_it_again_is_no_operation(
    documents: Documents, reader: Reader, names: Names
) -> None:
    first = documents.upsert("a", title="T", text="x", fields=ODD_FIELDS)
    after_one = operations(reader, names)
    second = documents.upsert("a", title="T", text="x", fields=dict(reversed(ODD_FIELDS.items())))
    assert (first.result, second.result) == ("written", "unchanged")
    assert after_one == operations(reader, names) == 1
    source = stored(reader, names, "a")["a"]
    assert source["fields"] == ODD_FIELDS
    assert source["content_hash"] == content_hash("T", "x", ODD_FIELDS)
    assert (source["owner"], source["tenant"], source["deleted"]) == ("application", "default", False)


def test_a_new_text_replaces_all_of_the_old_document(documents: Documents, reader: Reader, names: Names) -> None:
    documents.upsert("a", title="T", text="x", fields={"old": 1})
    assert documents.upsert("a", title="T", text="y", fields={"new": 2}).result == "written"
    assert stored(reader, names, "a")["a"]["fields"] == {"new": 2}


def test_a_delete_leaves_a_tombstone_and_deleting_again_is_no_operation(
    documents: Documents, reader: Reader, names: Names
) -> None:
    documents.upsert("a", title="T", text="secret", fields={"k": "secret"})
    assert documents.delete("a").result == "deleted"
    seen = operations(reader, names)
    assert documents.delete("a").result == "unchanged"
    assert documents.delete("b").result == "missing"
    assert operations(reader, names) == seen == 2
    tombstone = stored(reader, names, "a")["a"]
    assert tombstone["deleted"]
    assert "secret" not in str(tombstone)
    assert documents.upsert("a", title="T", text="secret", fields={"k": "secret"}).result == "written"


def test_tenants_with_the_same_id_do_not_meet(documents: Documents, reader: Reader, names: Names) -> None:
    documents.upsert("a", title="", text="mine", tenant="one")
    assert documents.delete("a", tenant="two").result == "missing"
    assert reader.get_many(names.documents, ["one:a"])["one:a"].source["deleted"] is False


def test_a_documents_index_that_was_deleted_is_not_silently_made_again(
    documents: Documents, client: Elasticsearch, reader: Reader, names: Names
) -> None:
    documents.upsert("a", title="", text="x")
    client.indices.delete(index=names.documents)
    with pytest.raises(EnvironmentProblem, match="no documents index"):
        documents.upsert("a", title="", text="y")
    with pytest.raises(EnvironmentProblem, match="no documents index"):
        documents.known("application")
    assert reader.describe(names.documents) is None


def _document(key: str, word: str) -> SourceDocument:
    return SourceDocument(source_id=key, title=word, text=word, fields={"w": word})


def test_many_writers_of_the_same_documents_leave_each_of_them_whole(
    documents: Documents, reader: Reader, names: Names
) -> None:
    ids = [f"d{n}" for n in range(5)]

    def work(seed: int) -> set[str]:
        dice, results = random.Random(seed), set()
        for step in range(15):
            word = f"{seed}-{step}"
            if dice.random() < 0.4:
                outcomes = documents.delete_many(dice.sample(ids, 3))
            else:
                batch = [
                    SourceDocument(source_id=key, title=word, text=word, fields={"w": word})
                    for key in dice.sample(ids, 3)
                ]
                outcomes = documents.upsert_many(batch, owner=word)
            results |= {outcome.result for outcome in outcomes}
        return results

    with ThreadPoolExecutor(6) as pool:
        results = set.union(*pool.map(work, range(6)))
    assert "rejected" not in results
    for source in stored(reader, names, *ids).values():
        word = source["text"]
        assert source["deleted"] == (word == "")
        assert source["title"] == word
        assert source["fields"] == ({"w": word} if word else {})
        assert source["content_hash"] == content_hash(source["title"], word, source["fields"])
        assert source["deleted"] or source["owner"] == word


_STEPS = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["x", "y", None])), max_size=6)


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
def test_every_operation_done_twice_is_the_same_as_done_once(
    documents: Documents, reader: Reader, names: Names, steps: list[tuple[str, str | None]]
) -> None:
    for key, text in steps:
        for attempt in range(2):
            before = operations(reader, names)
            outcome = documents.delete(key) if text is None else documents.upsert(key, title="", text=text)
            moved = operations(reader, names) - before
            assert moved == (outcome.result in ("written", "deleted"))
            assert not (attempt and moved)
        source = stored(reader, names, key).get(key, {"deleted": True, "text": ""})
        assert (source["deleted"], source["text"]) == (text is None, text or "")
