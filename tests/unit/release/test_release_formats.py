"""Findings as people and programs get them."""

from __future__ import annotations

import json

import pytest

from turnout.cli.findings import FORMATS, render
from turnout.release.findings import Finding, pointer, printable, shown

FINDING = Finding(
    file="pipelines/a b,c:d/model.yaml",
    line=9,
    column=7,
    pointer="/digests/a~1b",
    rule="wrong-type",
    problem="100 % of \r\n it, is wrong",
    remedy="mend it",
)


def test_text_names_the_place_the_rule_and_the_remedy() -> None:
    lines = render([FINDING], form="text", collections=2).splitlines()
    assert "pipelines/a b,c:d/model.yaml:9:7" in lines[0]
    assert "wrong-type" in lines[0]
    assert "mend it" in lines[2]
    assert lines[-1] == "2 collections: 1 finding in 1 file"


def test_text_gives_a_terminal_nothing_to_act_on() -> None:
    hostile = Finding("a\x1b[2J", 1, 1, "/\x1b]0;x\x07", "r", "\x1b[31m", "\u202e")
    text = render([hostile], form="text", collections=1)
    assert "\x1b[2J" not in text
    assert "\x1b]" not in text
    assert "\u202e" not in text


def test_json_is_what_the_finding_says() -> None:
    value = json.loads(render([FINDING], form="json", collections=1))
    assert value["collections"] == 1
    assert Finding(**value["findings"][0]) == FINDING


def test_workflow_commands_are_escaped() -> None:
    command, _ = render([FINDING], form="github", collections=1).split("\n")
    head, message = command.split("::", 2)[1:]
    assert head == "error file=pipelines/a b%2Cc%3Ad/model.yaml,line=9,col=7,title=wrong-type"
    assert message == "100 %25 of %0D%0A it, is wrong (at /digests/a~1b). mend it"


def test_sarif_has_the_parts_that_code_hosts_read() -> None:
    value = json.loads(render([FINDING, FINDING], form="sarif", collections=1))
    assert value["version"] == "2.1.0"
    (run,) = value["runs"]
    assert run["tool"]["driver"]["name"] == "turnout"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["wrong-type"]
    first = run["results"][0]
    assert run["tool"]["driver"]["rules"][first["ruleIndex"]]["id"] == first["ruleId"] == "wrong-type"
    assert first["level"] == "error"
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "pipelines/a%20b%2Cc%3Ad/model.yaml", "uriBaseId": "%SRCROOT%"}
    assert place["region"] == {"startLine": 9, "startColumn": 7}


@pytest.mark.parametrize("form", FORMATS)
def test_no_findings_are_a_valid_answer_too(form: str) -> None:
    text = render([], form=form, collections=3)
    if form in ("json", "sarif"):
        json.loads(text)
    else:
        assert text == "3 collections: no findings"


def test_pointers_are_escaped_as_the_standard_says() -> None:
    assert pointer(("a/b", "m~n", 0)) == "/a~1b/m~0n/0"


def test_values_are_shown_short_and_on_one_line() -> None:
    assert len(shown("x" * 1000)) == 60
    assert shown({"a": float("nan")}).isprintable()
    assert printable("a\nb") == "a\\nb"
