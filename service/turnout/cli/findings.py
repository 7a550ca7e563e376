"""Findings in the formats that people, programs and code hosts read. Used by `validate`, `lock` and `check`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

import click
import msgspec

from turnout import __version__
from turnout.release.findings import Finding, printable

FORMATS = ("text", "json", "github", "sarif")
_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render(findings: Sequence[Finding], *, form: str, collections: int) -> str:
    """All findings of a run in one of `FORMATS`; may hold colours, which `click.echo` takes out off a terminal."""
    match form:
        case "json":
            found = [msgspec.to_builtins(finding) for finding in findings]
            return _json({"collections": collections, "findings": found})
        case "github":
            return "\n".join((*map(_github, findings), summary(findings, collections)))
        case "sarif":
            return _json(_sarif(findings))
        case _:
            return "\n".join((*_text(findings), summary(findings, collections)))


def summary(findings: Sequence[Finding], collections: int) -> str:
    """One line for the end of a run."""
    files = len({finding.file for finding in findings})
    looked = f"{collections} collection{'s' * (collections != 1)}"
    if not findings:
        return f"{looked}: no findings"
    return f"{looked}: {len(findings)} finding{'s' * (len(findings) != 1)} in {files} file{'s' * (files != 1)}"


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _text(findings: Sequence[Finding]) -> Iterator[str]:
    for finding in findings:
        place = click.style(printable(finding.place), bold=True)
        rule = click.style(finding.rule, fg="red")
        yield f"{place}: {rule}: {printable(finding.problem)}"
        if finding.pointer:
            yield click.style(f"    at {printable(finding.pointer)}", dim=True)
        yield f"    {printable(finding.remedy)}"


def _github(finding: Finding) -> str:
    place = {"file": finding.file, "line": str(finding.line), "col": str(finding.column), "title": finding.rule}
    at = f" (at {finding.pointer})" if finding.pointer else ""
    return annotation("error", f"{finding.problem}{at}. {finding.remedy}", place)


def annotation(level: Literal["error", "warning", "notice"], message: str, place: Mapping[str, str]) -> str:
    """A workflow command: https://docs.github.com/actions/reference/workflow-commands."""
    properties = ",".join(f"{name}={_escape_property(value)}" for name, value in place.items())
    return f"::{level} {properties}::{_escape(message)}"


def _escape(text: str) -> str:
    """As a workflow command wants it; what else a terminal or a log would act on is written out."""
    return printable(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")


def _sarif(findings: Sequence[Finding]) -> dict[str, Any]:
    rules = sorted({finding.rule for finding in findings})
    driver = {
        "name": "turnout",
        "version": __version__,
        "rules": [{"id": rule, "shortDescription": {"text": rule.replace("-", " ")}} for rule in rules],
    }
    return {
        "$schema": _SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, rules.index(finding.rule)) for finding in findings],
            }
        ],
    }


def _result(finding: Finding, rule_index: int) -> dict[str, Any]:
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule_index,
        "level": "error",
        "message": {"text": f"{finding.problem}. {finding.remedy}."},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(finding.file), "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": finding.line, "startColumn": finding.column},
                },
                "logicalLocations": [{"fullyQualifiedName": finding.pointer or "/", "kind": "member"}],
            }
        ],
    }
