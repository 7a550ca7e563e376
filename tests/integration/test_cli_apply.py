"""plan, apply, status, revert and retire as a person types them, on a real server with tiny models."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.applying import WORDS
from support.artifact_files import GATES, LOCK, MODEL, OVERRIDES, PIPELINE, POLICY, QRELS, QUERIES, TEXTS, locked
from support.toy_model import make_toy_model
from turnout.cli.main import main
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import Quarantine
from turnout.elastic.writer import Writer
from turnout.ingest import Documents, SourceDocument
from turnout.release import fingerprint

Turnout = Callable[..., tuple[int, str]]
TEXT = {f"d{n}": " ".join(itertools.islice(itertools.cycle(WORDS[n * 3 :]), 12)) for n in range(8)}


@pytest.fixture
def root(tmp_path: Path, names: Names, reader: Reader, writer: Writer) -> Path:
    """A Git checkout with one locked collection whose model is real, and its documents on the server."""
    model = make_toy_model(tmp_path / "build" / "models")
    texts = {file: text for file, text in TEXTS.items() if file != OVERRIDES}
    texts[MODEL] = re.sub("sha256:0+", model.digests.weights, texts[MODEL])
    texts[MODEL] = re.sub("sha256:1+", model.digests.tokenizer, texts[MODEL])
    texts[GATES] = texts[GATES].replace("max_loss: 0.02", "max_loss: 0.9").replace("min: 0.9", "min: 0.5")
    texts[QUERIES] = "".join(f'{{"_id": "q{name}", "text": "{text}"}}\n' for name, text in TEXT.items())
    texts[QRELS] = "query-id\tcorpus-id\tscore\n" + "".join(f"q{name}\t{name}\t1\n" for name in TEXT)
    write(tmp_path, locked(texts))
    (tmp_path / ".gitignore").write_text("build/\n")
    for command in (["init", "-q"], ["config", "user.name", "t"], ["config", "user.email", "t@localhost"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    commit(tmp_path, "A")
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
    monkeypatch.delenv("TURNOUT_MODELS", raising=False)
    monkeypatch.delenv("TURNOUT_BUILD", raising=False)
    monkeypatch.setenv("COLUMNS", "40")

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["turnout", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capfd.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return code, shown.out if code == 0 else shown.out + shown.err

    return run


def write(root: Path, texts: dict[str, str]) -> None:
    for file, text in texts.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text)


def commit(root: Path, message: str) -> None:
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    subprocess.run(["git", "commit", "-q", "-m", message], cwd=root, check=True)


def change(root: Path, file: str, edits: dict[str, str]) -> str:
    """Edit an artifact and lock; the id of the release."""
    texts = {name: (root / name).read_text() for name in TEXTS if name != OVERRIDES}
    for before, after in edits.items():
        assert before in texts[file]
        texts[file] = texts[file].replace(before, after)
    write(root, locked(texts))
    return release_id(root)


def release_id(root: Path) -> str:
    return fingerprint.decode((root / LOCK).read_bytes()).id


def test_a_change_goes_live_and_back_and_its_view_is_retired(root: Path, turnout: Turnout, tmp_path: Path) -> None:
    first = release_id(root)
    events = tmp_path / "events.jsonl"
    code, shown = turnout("apply", "toys", "--processes", "0", "--events", str(events))
    assert (code, f"release {first} is live" in shown) == (0, True), shown
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    done = [line["stage"] for line in lines if line["event"] == "ended"]
    assert done == ["create-view", "backfill", "catch-up", "verify", "flip"]
    assert [line["name"] for line in lines if line["event"] == "check"][:2] == ["attestation", "parity"]
    assert all(line["seconds"] >= 0 for line in lines if line["event"] == "ended")

    code, shown = turnout("apply", "toys", "--processes", "0")
    assert (code, "nothing to do" in shown) == (0, True)

    second = change(root, PIPELINE, {"size: 64": "size: 32"})
    commit(root, "B")
    code, shown = turnout("apply", "toys", "--processes", "0")
    assert code == 0, shown
    code, shown = turnout("status", "toys", "--parity", "--format", "json")
    status = json.loads(shown)
    assert (code, status["live_release"], status["problems"]) == (0, second, [])
    assert [view["parity"] for view in status["views"]] == ["pass", "pass"]
    code, shown = turnout("status", "toys")
    assert all(view["index"] in shown for view in status["views"])

    code, shown = turnout("revert", "toys")
    assert (code, f"release {first} is live" in shown, "committed" in shown) == (0, True, True), shown
    assert release_id(root) == first

    (old,) = (view["index"] for view in json.loads(turnout("status", "toys", "--format", "json")[1])["views"][1:])
    code, shown = turnout("retire", "toys", "--dry-run")
    assert (code, f"stays   {old}: release {second} is kept for going back" in shown) == (0, True), shown
    code, shown = turnout("retire", "toys", "--keep", "0", "--dry-run")
    assert (code, "fewer releases to go back to than policy asks for (1)" in shown) == (1, True), shown
    (root / POLICY).write_text("apiVersion: turnout/v1\nkind: Policy\nretention: {releases: 0}\n")
    code, shown = turnout("retire", "toys", "--keep", "0", "--dry-run")
    assert f"goes    {old}: release {second} is former and not among the 0 kept" in shown
    code, shown = turnout("retire", "toys", "--keep", "0", "--drain", "0", "--format", "json")
    report = json.loads(shown)
    assert (code, [row["index"] for row in report["views"] if row["goes"]]) == (0, [old])
    code, shown = turnout("revert", "toys", "--no-commit")
    assert (code, "no release was live before" in shown) == (1, True)


def test_refusals_end_with_1_and_leave_the_alias(root: Path, turnout: Turnout, reader: Reader, names: Names) -> None:
    assert turnout("apply", "toys", "--processes", "0")[0] == 0
    live = reader.alias_targets(names.alias)
    lossy = {"size: 64": "size: 1", "overlap: 8": "overlap: 0", "max_passages: 50": "max_passages: 1"}
    change(root, PIPELINE, lossy | {"on_overflow: refuse": "on_overflow: truncate", "mode: hybrid": "mode: vector"})
    code, shown = turnout("apply", "toys", "--processes", "0")
    assert (code, "quality" in shown, "the alias did not move" in shown) == (1, True, True), shown
    assert reader.alias_targets(names.alias) == live
    assert turnout("freeze", "toys", "--reason", "incident")[0] == 0
    code, shown = turnout("apply", "toys", "--processes", "0")
    assert (code, "frozen" in shown) == (1, True)
    code, shown = turnout("retire", "toys", "--format", "json")
    assert (code, json.loads(shown)["views"][0]["reason"]) == (1, "the collection is frozen")


def test_a_model_that_is_not_there_ends_before_anything_is_built(
    root: Path, turnout: Turnout, reader: Reader, names: Names
) -> None:
    shutil.rmtree(root / "build" / "models")
    code, shown = turnout("apply", "toys", "--processes", "0")
    assert (code in (2, 3), reader.views(names)) == (True, ()), shown


@pytest.fixture
def mounted(root: Path, turnout: Turnout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a pod has of a release: the file and its query set, and no artifacts anywhere."""
    folder = tmp_path / "mounted"
    shutil.copytree((root / QUERIES).parent, folder / "evaluation")
    shutil.copy(root / LOCK, folder / "release.json")
    monkeypatch.setenv("TURNOUT_ROOT", str(tmp_path / "nothing"))
    monkeypatch.setenv("TURNOUT_MODELS", str(root / "build" / "models"))
    return folder


def test_a_release_alone_is_filled_by_shards_and_verified_and_the_alias_stays(
    root: Path, turnout: Turnout, mounted: Path, reader: Reader, names: Names
) -> None:
    of = ("apply", "--release", str(mounted / "release.json"), "--processes", "0")
    for shard in ("0", "3"):
        code, shown = turnout(*of, "--until", "filled", "--shard", shard)
        assert (code, f"shard {shard} is filled for release {release_id(root)}" in shown) == (0, True), shown
    code, shown = turnout(*of, "--until", "filled", "--shard", "8")
    assert (code, "there is no shard 8: the documents index has 8" in shown) == (2, True), shown
    code, shown = turnout(*of, "--until", "ready")
    assert (code, f"release {release_id(root)} is ready" in shown) == (0, True), shown
    assert reader.alias_targets(names.alias) == frozenset()
    code, shown = turnout(*of, "--until", "ready")
    assert (code, "ready already; nothing to do" in shown) == (0, True), shown
    code, shown = turnout(*of)
    assert (code, f"release {release_id(root)} is live" in shown) == (0, True), shown


def test_for_a_release_alone_what_an_override_may_permit_is_a_note(
    root: Path, turnout: Turnout, mounted: Path, reader: Reader, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(root, PIPELINE, {"per_backfill: 1": "per_backfill: 0"})
    shutil.copy(root / LOCK, mounted / "release.json")
    reader.refresh(names.documents)
    of = ("--processes", "0", "--until", "filled")
    with monkeypatch.context() as at_home:
        at_home.setenv("TURNOUT_ROOT", str(root))
        code, shown = turnout("apply", "toys", *of)
        assert (code, "refused (cost-above-budget)" in shown) == (1, True), shown
    code, shown = turnout("apply", "--release", str(mounted / "release.json"), *of)
    assert (code, "judged before the merge; by cost-above-budget: the backfill would cost" in shown) == (0, True), shown


def test_a_release_alone_without_the_query_set_that_it_names_is_bad_input(turnout: Turnout, mounted: Path) -> None:
    of = ("apply", "--release", str(mounted / "release.json"), "--until", "ready")
    qrels = mounted / "evaluation" / "qrels.tsv"
    qrels.write_text(qrels.read_text() + "q1\td1\t2\n")
    code, shown = turnout(*of)
    assert (code, "not the file of this release" in shown, str(qrels) in shown) == (2, True, True), shown
    qrels.unlink()
    code, shown = turnout(*of)
    assert (code, "can't be read" in shown, "evaluation/ beside it" in shown) == (2, True, True), shown
    (mounted / "release.json").write_text('{"kind": "Release"}')
    assert turnout(*of)[0] == 2


def test_a_release_in_quarantine_is_refused_with_its_reason(
    root: Path, turnout: Turnout, mounted: Path, writer: Writer, names: Names
) -> None:
    writer.put_state(
        names,
        Quarantine(collection="toys", at="2026-01-01", release_id=release_id(root), by="run-7", reason="20 % errors"),
    )
    for until in ("filled", "ready", "live"):
        code, shown = turnout("apply", "--release", str(mounted / "release.json"), "--until", until)
        assert (code, "20 % errors" in shown, "make another release" in shown) == (1, True, True), shown


def test_a_shard_that_waits_is_ended_by_sigterm_and_is_not_taken_for_done(turnout: Turnout, mounted: Path) -> None:
    command = [sys.executable, "-m", "turnout", "apply", "--release", str(mounted / "release.json")]
    process = subprocess.Popen(
        [*command, "--until", "filled", "--shard", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert any("waiting for the view, which shard 0 makes" in line for line in process.stdout)
    process.terminate()
    assert process.wait(30) == 130
