"""`turnout validate`: check artifacts and their locks, and say where what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from turnout.cli.artifacts import check_collection, check_policy, chosen
from turnout.cli.findings import FORMATS, render
from turnout.cli.settings import from_environment
from turnout.errors import TurnoutError
from turnout.release.findings import Finding


@click.command(name="validate")
@click.argument("collections", nargs=-1, metavar="[COLLECTION...]")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="How to print.")
def command(collections: tuple[str, ...], form: str) -> int:
    """Check artifacts and their locks: each file by itself, the files against each other, release.json against them.

    Without a COLLECTION all are checked; pipelines/policy.yaml always is.
    Exit code: 0 nothing found, 1 findings, 2 unknown collection.

    \b
    turnout validate
    turnout validate python-docs
    turnout validate --format github      annotations on a pull request
    turnout validate --format sarif > findings.sarif
    """
    root = from_environment().root
    names = chosen(root, collections)
    findings = [*policy_findings(root), *(finding for name in names for finding in collection_findings(root, name))]
    click.echo(render(findings, form=form, collections=len(names)))
    return 1 if findings else 0


def policy_findings(root: Path) -> Iterator[Finding]:
    """The findings of the policy file."""
    try:
        yield from check_policy(root)[1]
    except TurnoutError as error:
        yield Finding(error.where, 1, 1, "", "unreadable-file", error.what, error.remedy)


def collection_findings(root: Path, collection: str) -> Iterator[Finding]:
    """The findings of one collection; files that can't be read are findings too, and the others are still checked."""
    try:
        yield from check_collection(root, collection).findings
    except TurnoutError as error:
        yield Finding(error.where, 1, 1, "", "unreadable-file", error.what, error.remedy)
