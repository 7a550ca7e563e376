"""The command as a whole: every verb has help with an example and its row in the README, errors become exit codes."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from pathlib import Path

import click
import pytest

from turnout.cli import controlling, settings
from turnout.cli.main import VERBS, exit_code, main, root
from turnout.errors import BadInput, EnvironmentProblem, Refused, Unavailable

README = (Path(__file__).parents[3] / "README.md").read_text()


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["turnout", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def commands(name: str) -> list[click.Command]:
    """A verb's command, or its subcommands."""
    command = root.get_command(click.Context(root), name)
    assert command is not None
    return list(command.commands.values()) if isinstance(command, click.Group) else [command]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, verb, "--help") == 0
    shown = capsys.readouterr().out
    shown += "".join(command.help or "" for command in commands(verb))
    assert f"turnout {verb}" in shown.replace("Usage: turnout", "")


@pytest.mark.parametrize("verb", VERBS)
def test_no_option_is_without_help(verb: str) -> None:
    for command in commands(verb):
        for parameter in command.params:
            if isinstance(parameter, click.Option) and "--format" not in parameter.opts:
                assert parameter.help, f"{verb} {parameter.opts}"


def test_the_readme_lists_exactly_the_verbs() -> None:
    assert sorted(re.findall(r"^\| `turnout ([a-z]+)`", README, re.M)) == sorted(VERBS)


def test_the_readme_lists_exactly_the_settings_that_are_read() -> None:
    read = {
        node.value
        for reading in (settings.from_environment, controlling.controller_settings)
        for node in ast.walk(ast.parse(inspect.getsource(reading)))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("TURNOUT_")
    }
    assert set(re.findall(r"^\| `(TURNOUT_[A-Z_]+)`", README, re.M)) == read
    assert len(read) >= 7


def test_errors_say_by_their_kind_how_the_program_ends() -> None:
    codes = [exit_code(kind("x")) for kind in (Refused, BadInput, EnvironmentProblem, Unavailable)]
    assert codes == [1, 2, 3, 3]


@pytest.mark.parametrize(
    "arguments",
    [
        ("derail",),
        ("apply",),
        ("apply", "toys", "--release", "release.json"),
        ("apply", "toys", "--shard", "0"),
        ("apply", "toys", "--metrics-port", "8082"),
        ("apply", "toys", "--until", "tomorrow"),
        ("follow",),
        ("follow", "toys", "--release", "release.json"),
        ("apply", "toys", "--processes", "-1"),
        ("apply", "toys", "--events", "/nowhere/at/all"),
        ("retire", "toys", "--keep", "-1"),
        ("retire", "toys", "--drain", "soon"),
        ("status", "toys", "--format", "xml"),
        ("revert", "toys", "--from", "x"),
    ],
)
def test_wrong_usage_ends_with_2(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *arguments) == 2
    assert "Usage:" in (shown := capsys.readouterr().err) or "Error:" in shown


@pytest.mark.parametrize("verb", ["apply", "status", "revert", "retire"])
def test_a_server_that_is_not_there_ends_with_3_and_says_where(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from support.artifact_files import OVERRIDES, TEXTS, locked

    for file, text in locked({file: text for file, text in TEXTS.items() if file != OVERRIDES}).items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    monkeypatch.setenv("TURNOUT_ROOT", str(tmp_path))
    assert run(monkeypatch, verb, "toys") == 3
    assert "127.0.0.1:9" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["status", "revert", "retire", "freeze", "apply"])
def test_a_misspelt_collection_ends_with_2_and_names_the_right_one(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "pipelines" / "toys").mkdir(parents=True)
    monkeypatch.setenv("TURNOUT_ROOT", str(tmp_path))
    extra = ["--reason", "x"] if verb == "freeze" else []
    assert run(monkeypatch, verb, "To*ys", *extra) == 2
    assert "toys" in capsys.readouterr().err


def test_an_interrupt_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(root, "main", interrupted)
    assert run(monkeypatch) == 130
