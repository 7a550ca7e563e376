"""`turnout validate` and `turnout lock` on folders, honest and hostile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from support.artifact_files import LOCK, MODEL, OVERRIDES, TEXTS, locked
from turnout.cli import artifacts
from turnout.cli.lock import command as lock_command
from turnout.cli.settings import from_environment
from turnout.cli.validate import command as validate_command
from turnout.errors import BadInput, Refused

Verb = Callable[..., Result]
FILES = {file: text for file, text in TEXTS.items() if file != OVERRIDES}


def write(root: Path, texts: dict[str, str]) -> None:
    for file, text in texts.items():
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root with one valid, locked collection."""
    write(tmp_path, locked(FILES))
    (tmp_path / "schemas" / "definitions").mkdir()
    monkeypatch.setenv("TURNOUT_ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture
def validate(root: Path) -> Verb:
    return lambda *args: CliRunner().invoke(validate_command, args, standalone_mode=False)


@pytest.fixture
def lock(root: Path) -> Verb:
    return lambda *args: CliRunner().invoke(lock_command, args, standalone_mode=False)


def test_validate_is_silent_but_for_a_summary_when_all_is_well(validate: Verb) -> None:
    result = validate()
    assert (result.return_value, result.output) == (0, "1 collection: no findings\n")


def test_validate_gives_1_and_the_place_of_a_finding(validate: Verb, root: Path) -> None:
    (root / MODEL).write_text(TEXTS[MODEL].replace("dims: 16", "dims: 16x"))
    result = validate("toys", "--format", "json")
    assert result.return_value == 1
    (finding,) = json.loads(result.output)["findings"]
    assert (finding["file"], finding["line"], finding["column"]) == (MODEL, 10, 7)


def test_an_unknown_collection_is_bad_input(validate: Verb) -> None:
    result = validate("trains")
    assert isinstance(result.exception, BadInput)
    assert "toys" in result.exception.remedy


def test_the_program_exits_with_2_for_an_unknown_collection(root: Path) -> None:
    environment = os.environ | {"TURNOUT_ROOT": str(root)}
    program = [sys.executable, "-c", "from turnout.cli import main; main()", "validate", "trains"]
    ran = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "no collection 'trains'" in ran.stderr


def test_validate_imports_nothing_heavy(root: Path) -> None:
    code = (
        "import sys; from turnout.cli.main import root; "
        "assert root.main(['validate'], standalone_mode=False) == 0; "
        "print([m for m in ('numpy', 'elasticsearch', 'jsonschema', 'onnxruntime', 'litestar') if m in sys.modules])"
    )
    environment = os.environ | {"TURNOUT_ROOT": str(root)}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


def test_a_folder_without_artifacts_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        artifacts.collections(tmp_path)


def test_collections_are_the_folders_of_both_trees(root: Path) -> None:
    (root / "pipelines" / "half").mkdir()
    (root / "schemas" / ".git").mkdir()
    assert artifacts.collections(root) == ["half", "toys"]


def test_a_link_out_of_the_root_is_refused_and_others_are_still_checked(validate: Verb, root: Path) -> None:
    secret = root.parent / "secret"
    secret.write_text("kind: Model")
    (root / MODEL).unlink()
    (root / MODEL).symlink_to(secret)
    (root / "pipelines" / "zebra").mkdir()
    findings = json.loads(validate("--format", "json").output)["findings"]
    assert findings[0]["rule"] == "unreadable-file"
    assert findings[0]["file"] == MODEL
    assert {finding["rule"] for finding in findings[1:]} == {"missing-file"}


def test_a_linked_folder_that_leads_out_of_the_root_is_refused(root: Path) -> None:
    outside = root.parent / "outside"
    (root / "pipelines" / "toys").rename(outside)
    (root / "pipelines" / "toys").symlink_to(outside)
    with pytest.raises(Refused, match="out of the root"):
        artifacts.read_files(root, "toys")


def test_a_link_inside_the_root_is_followed(validate: Verb, root: Path) -> None:
    (root / MODEL).rename(root / "shared.yaml")
    (root / MODEL).symlink_to(root / "shared.yaml")
    assert validate().return_value == 0


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_not_a_plain_file_is_refused_without_waiting(root: Path, make: Callable[[Path], None]) -> None:
    (root / MODEL).unlink()
    make(root / MODEL)
    with pytest.raises(Refused, match="not a plain file"):
        artifacts.read_files(root, "toys")


def test_a_file_above_16_mib_is_refused(root: Path) -> None:
    with (root / MODEL).open("wb") as file:
        file.truncate(artifacts.MAX_BYTES + 1)
    with pytest.raises(Refused, match="more than"):
        artifacts.read_files(root, "toys")


def test_load_release_gives_the_release_or_says_why_not(root: Path) -> None:
    assert artifacts.load_release(from_environment(), "toys").collection == "toys"
    (root / MODEL).write_text(TEXTS[MODEL].replace("per_million_tokens: 0.5", "per_million_tokens: 0.6"))
    with pytest.raises(Refused, match="the artifacts give"):
        artifacts.load_release(from_environment(), "toys")
    with pytest.raises(BadInput):
        artifacts.load_release(from_environment(), "trains")


def test_lock_writes_the_lock_and_says_what_it_means(lock: Verb, validate: Verb, root: Path) -> None:
    (root / MODEL).write_text(TEXTS[MODEL].replace("max_tokens: 128", "max_tokens: 127"))
    assert validate().return_value == 1
    result = lock("toys")
    assert result.return_value == 0
    assert "embedding: e-" in result.output
    assert "query: " not in result.output
    assert validate().return_value == 0
    assert not [path for path in (root / LOCK).parent.iterdir() if path.name.startswith(".")]
    assert "nothing changed" in lock().output


def test_lock_with_check_writes_nothing(lock: Verb, root: Path) -> None:
    before = (root / LOCK).read_bytes()
    (root / MODEL).write_text(TEXTS[MODEL].replace("max_tokens: 128", "max_tokens: 127"))
    assert lock("--check").return_value == 1
    assert (root / LOCK).read_bytes() == before


@pytest.mark.parametrize("junk", ["", "{", "<<<<<<< HEAD", "[1]"])
def test_lock_replaces_a_lock_that_is_no_release(lock: Verb, validate: Verb, root: Path, junk: str) -> None:
    (root / LOCK).write_text(junk)
    assert lock().return_value == 0
    assert validate().return_value == 0


def test_lock_refuses_artifacts_with_findings(lock: Verb, root: Path) -> None:
    (root / LOCK).unlink()
    (root / MODEL).write_text(TEXTS[MODEL].replace("dims: 16", "dims: 17"))
    result = lock()
    assert result.return_value == 1
    assert "dims-mismatch" in result.output
    assert not (root / LOCK).exists()


def test_the_collections_of_this_repository_are_valid() -> None:
    root = Path(__file__).parents[3]
    for name in artifacts.collections(root):
        assert not artifacts.check_collection(root, name).findings


@pytest.mark.parametrize(
    "arguments", [("ingest", "trains"), ("follow", "trains", "--once"), ("plan", "trains", "--confirm")]
)
def test_a_verb_that_needs_a_release_names_the_collections_there_are(root: Path, arguments: tuple[str, ...]) -> None:
    environment = os.environ | {"TURNOUT_ROOT": str(root)}
    program = [sys.executable, "-c", "from turnout.cli import main; main()", *arguments]
    ran = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "no collection 'trains'" in ran.stderr
    assert "name one of: toys" in ran.stderr
