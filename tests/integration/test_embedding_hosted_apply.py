"""A hosted model from model.yaml to a live view, as a person types it, on a real Elasticsearch."""

from __future__ import annotations

import itertools
import json
import logging
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import embedding_endpoint as orders
from support.applying import WORDS
from support.artifact_files import GATES, LOCK, MAPPING, MODEL, OVERRIDES, PIPELINE, QRELS, QUERIES, TEXTS, locked
from support.embedding_endpoint import EmbeddingEndpoint, embedding_endpoint
from turnout.cli.main import main
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.writer import Writer
from turnout.ingest import Documents, SourceDocument

CANARY = "sk-canary-2b8e44d0a1f7"
TEXT = {f"d{n}": " ".join(itertools.islice(itertools.cycle(WORDS[n * 3 :]), 12)) for n in range(8)}
Turnout = Callable[..., tuple[int, str]]


@pytest.fixture
def endpoint() -> Iterator[EmbeddingEndpoint]:
    with embedding_endpoint() as endpoint:
        endpoint.dims = 16
        yield endpoint


@pytest.fixture
def root(tmp_path: Path, endpoint: EmbeddingEndpoint, names: Names, reader: Reader, writer: Writer) -> Path:
    """A Git checkout with a collection whose model is behind the endpoint, and its documents on the server."""
    texts = {file: text for file, text in TEXTS.items() if file != OVERRIDES}
    texts[MODEL] = re.sub(r"digests:\n.*\n.*\n|pooling: mean\n", "", texts[MODEL]).replace("static", "openai")
    texts[MODEL] += f"endpoint: {endpoint.openai}\n"
    texts[GATES] = texts[GATES].replace("max_loss: 0.02", "max_loss: 0.9").replace("min: 0.9", "min: 0.5")
    texts[PIPELINE] = texts[PIPELINE].replace("requests_per_minute: 600", "requests_per_minute: 60000")
    texts[QUERIES] = "".join(f'{{"_id": "q{name}", "text": "{text}"}}\n' for name, text in TEXT.items())
    texts[QRELS] = "query-id\tcorpus-id\tscore\n" + "".join(f"q{name}\t{name}\t1\n" for name in TEXT)
    assert MAPPING in texts
    for file, text in locked(texts).items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    (tmp_path / ".gitignore").write_text("build/\n")
    named = ("-c", "user.name=t", "-c", "user.email=t@localhost")
    for command in (["init", "-q"], ["add", "-A"], [*named, "commit", "-q", "-m", "A"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    documents = Documents(reader, writer, names)
    documents.ensure()
    documents.upsert_many(SourceDocument(source_id=name, title=name, text=text) for name, text in TEXT.items())
    return tmp_path


@pytest.fixture
def turnout(
    root: Path, prefix: str, elastic_url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Turnout:
    monkeypatch.setenv("TURNOUT_ROOT", str(root))
    monkeypatch.setenv("TURNOUT_INDEX_PREFIX", prefix)
    monkeypatch.setenv("TURNOUT_ELASTICSEARCH_URL", elastic_url)
    monkeypatch.setenv("TURNOUT_EMBEDDING_API_KEY", f" {CANARY}\n")
    for other in ("TURNOUT_MODELS", "TURNOUT_BUILD"):
        monkeypatch.delenv(other, raising=False)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["turnout", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, shown.out + shown.err

    return run


def test_a_hosted_model_goes_live_is_followed_and_its_key_stays_unseen(
    root: Path,
    endpoint: EmbeddingEndpoint,
    turnout: Turnout,
    names: Names,
    reader: Reader,
    writer: Writer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    events = root / "build" / "events.jsonl"
    events.parent.mkdir()
    shown = [turnout("validate", "toys"), turnout("plan", "toys")]
    # Two processes are asked for; one asks the endpoint, so that rate limit and budget hold.
    shown.append(turnout("apply", "toys", "--processes", "2", "--events", str(events)))
    assert [code for code, _ in shown] == [0, 0, 0], shown
    assert {asked.key for asked in endpoint.asked} == {f"Bearer {CANARY}"}
    sent = Counter(text for asked in endpoint.asked for text in asked.texts)
    assert all(sent[text] >= 1 for text in TEXT.values())

    endpoint.asked.clear()
    Documents(reader, writer, names).upsert("new", title="new", text="one more signal")
    shown.append(turnout("follow", "toys", "--once", "--processes", "2", "--format", "json"))
    assert json.JSONDecoder().raw_decode(shown[-1][1])[0]["embedded"] == 1
    assert sum(asked.texts.count("one more signal") for asked in endpoint.asked) == 1

    shown.append(turnout("status", "toys", "--format", "json"))
    kept = [repr(hit.source) for index in (names.documents, names.state) for hit in _all(reader, index)]
    kept += [repr(view) for view in reader.views(names)]
    written = [path.read_text(errors="replace") for path in root.rglob("*") if path.is_file()]
    for text in (*(text for _, text in shown), *kept, *written, caplog.text):
        assert CANARY not in text
    assert (root / LOCK).is_file()


def _all(reader: Reader, index: str) -> list:
    reader.refresh(index)
    return list(reader.scan(index, sort="_doc"))


@pytest.mark.parametrize(
    ("order", "code", "says"),
    [
        (orders.status(401, says="invalid_api_key"), 3, "answered 401 (invalid_api_key)"),
        (orders.html, 3, "is not JSON"),
        (orders.short_vector, 1, "the release says dims 16"),
    ],
)
def test_an_endpoint_that_fails_ends_apply_with_its_reason(
    endpoint: EmbeddingEndpoint, turnout: Turnout, order: orders.Order, code: int, says: str
) -> None:
    endpoint.order(order)
    ended, shown = turnout("apply", "toys")
    assert ended == code
    assert says in shown
    assert endpoint.url in shown
    assert CANARY not in shown


def test_a_provider_that_changed_its_model_is_found_before_a_vector_is_written(
    endpoint: EmbeddingEndpoint, turnout: Turnout, names: Names, reader: Reader, writer: Writer
) -> None:
    assert turnout("apply", "toys")[0] == 0
    endpoint.salt = "another model"
    Documents(reader, writer, names).upsert("new", title="new", text="one more signal")
    code, shown = turnout("follow", "toys", "--once")
    assert (code, "doesn't give the vectors of this view" in shown) == (1, True), shown
    assert not any("one more signal" in asked.texts for asked in endpoint.asked)


def test_a_used_up_budget_ends_apply_and_a_raised_one_goes_on(
    root: Path, endpoint: EmbeddingEndpoint, turnout: Turnout
) -> None:
    endpoint.tokens_per_text = 4_000_000  # it bills more than anybody could foresee: 2 USD a text
    code, shown = turnout("apply", "toys")
    assert (code, "the budget for embedding is used up: 2 USD of 1 USD" in shown) == (1, True), shown
    endpoint.tokens_per_text = 5
    assert turnout("apply", "toys")[0] == 0
