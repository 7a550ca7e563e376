"""RUNBOOK.md: an entry for each alert, in one form, with commands that exist."""

from __future__ import annotations

import re
import shlex
import subprocess
from itertools import takewhile

import click
import pytest

from exercise.runbook import FIRST_PAGE, LOST, PARTS, Block, Entry, preamble, read
from support import alerts
from turnout.cli.main import root

ENTRIES = read()
BLOCKS = [(name, block) for name, entry in ENTRIES.items() for block in entry.blocks]
MADE_UP = {
    "COMMIT": "the commit that is taken back",
    "LEDGER": "the file of deletes",
    "SNAPSHOT": "its name",
    "VIEW": "an index",
}
"""Variables that a block's first line explains, for the reader to fill in."""
_VERBS = {"get", "exec", "logs", "patch", "delete", "scale", "rollout", "config", "argo", "port-forward"}
_ARGO = {"get", "abort", "promote", "retry", "status"}
_ASSIGNED = re.compile(r"(?:(?<=\bfor )(\w+)(?= in)|(?:^|\s)(?:export )?(\w+)=)", re.MULTILINE)


def _names(text: str) -> set[str]:
    """The shell variables that a text asks for; what stands in single quotes is another language's."""
    return set(re.findall(r"\$\{?([A-Za-z_]\w*)", re.sub(r"'[^']*'", "''", text)))


def _assigned(text: str) -> set[str]:
    """The variables that a text sets, in a loop, too."""
    return {looped or made for looped, made in _ASSIGNED.findall(text)}


def _calls(text: str, program: str) -> list[list[str]]:
    """The words of each call of a program in a shell text, up to what ends it."""
    found = []
    for line in text.splitlines():
        for start in re.finditer(rf"(?:^|[|&(\s]){program} (?!:)", line):
            if line.lstrip().startswith("#"):
                continue
            rest = line[start.end() :]
            lexer = shlex.shlex(rest, posix=True, punctuation_chars="|&;()<>")
            lexer.whitespace_split = True
            try:
                words = list(takewhile(lambda word: not set(word) <= set("|&;()<>"), lexer))
            except ValueError:  # a quotation that began before
                words = rest.split()
            found.append(words)
    return found


def test_there_is_an_entry_for_each_alert_and_for_nothing_else() -> None:
    assert set(ENTRIES) - {FIRST_PAGE, LOST} == {alert.name for alert in alerts.alerts()}


@pytest.mark.parametrize("name", sorted(set(ENTRIES) - {FIRST_PAGE, LOST}))
def test_each_entry_has_the_fixed_parts_in_order(name: str) -> None:
    assert ENTRIES[name].parts == PARTS


@pytest.mark.parametrize("name", sorted(set(ENTRIES) - {FIRST_PAGE, LOST}))
def test_each_entry_ends_with_whether_it_is_over(name: str) -> None:
    assert ENTRIES[name].blocks[-1].text.splitlines()[-1] == f"firing {name}"


def test_each_block_is_shell() -> None:
    text = "\n".join(f"each_{number}() {{\n{block.text}}}" for number, (_, block) in enumerate(BLOCKS))
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("name", "block"), BLOCKS)
def test_each_variable_is_set_before(name: str, block: Block) -> None:
    first = Entry(FIRST_PAGE, ENTRIES[FIRST_PAGE].text)
    given = {made for each in first.blocks for made in _assigned(each.text)} | set(MADE_UP)
    unknown = _names(block.text) - given - _assigned(block.text)
    assert not unknown, f"{name}: {unknown}"


@pytest.mark.parametrize(("name", "block"), BLOCKS)
def test_each_turnout_command_and_its_options_exist(name: str, block: Block) -> None:
    for words in _calls(block.text, "turnout"):
        context = click.Context(root)
        verb, command, rest = root.resolve_command(context, [words[0], *words[1:]])
        assert command is not None, f"{name}: turnout {words[0]}"
        known = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
        unknown = [word for word in rest if word.startswith("-") and word not in known]
        assert not unknown, f"{name}: turnout {verb} has no {unknown}"


@pytest.mark.parametrize(("name", "block"), BLOCKS)
def test_each_kubectl_command_exists(name: str, block: Block) -> None:
    for words in _calls(block.text, "kubectl"):
        verbs = [word for word in words if not word.startswith("-") and word not in ("elasticsearch", "monitoring")]
        assert verbs[0] in _VERBS, f"{name}: kubectl {' '.join(words)}"
        if verbs[0] == "argo":
            assert verbs[1] == "rollouts", name
            assert verbs[2] in _ARGO, f"{name}: kubectl argo rollouts {verbs[2]}"


@pytest.mark.parametrize(("name", "block"), BLOCKS)
def test_what_changes_something_says_so_in_its_first_line(name: str, block: Block) -> None:
    changing = re.compile(
        r"kubectl (patch|delete|scale|rollout restart|argo rollouts (abort|promote|retry))"
        r"|turnout (freeze|ingest|ledger|revert|retire|apply|restore(?!.*--dry-run))"
        r"|git (push|revert)|curl .*-X (DELETE|POST|PUT)"
    )
    assert block.changes == bool(changing.search(block.text)), f"{name}: {block.text}"


def test_the_preamble_has_no_values_of_the_reader() -> None:
    text = preamble(ENTRIES)
    assert "ask() {" in text
    assert "port-forward" not in text


def test_links_within_the_runbook_lead_somewhere() -> None:
    text = "\n".join(entry.text for entry in ENTRIES.values())
    anchors = {name.lower().replace(" ", "-") for name in ENTRIES}
    assert set(re.findall(r"\(#([^)]+)\)", text)) <= anchors
