"""`turnout check`: what a change will do, cost and break, proved on an ephemeral Elasticsearch."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from turnout.cli.settings import Settings, from_environment
from turnout.errors import EnvironmentProblem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnout.cli.checking import Asked
    from turnout.gate.result import CheckReport
    from turnout.gate.scope import Scope, Subject

SARIF = "findings.sarif"
_REPORTS = ("report.md", "report.html", "report.json", SARIF)


@click.command(name="check", short_help="Judge a change: validate, plan, policy, cost, rehearsal.")
@click.argument("collections", nargs=-1, metavar="[COLLECTION]...")
@click.option("--base", "ref", metavar="REF", required=True, help="What the change is to be merged into.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the reports. [default: build/check]")
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True)
@click.option(
    "--processes",
    type=click.IntRange(min=0),
    help="Worker processes that fill the rehearsal's views; 0 for none but this one. Default: one for each core.",
)
@click.option(
    "--metrics",
    multiple=True,
    metavar="URL",
    help="/metrics of a running `turnout serve`, for the rate of queries; repeat it for each. [default: as declared]",
)
def command(
    collections: tuple[str, ...],
    *,
    ref: str,
    out: Path | None,
    form: str,
    processes: int | None,
    metrics: tuple[str, ...],
) -> int:
    """Tell what a change to schemas/ and pipelines/ will do, cost and break, with one verdict; the same here as in CI.

    Judges every collection that differs between the working tree and the commit at which HEAD left REF: artifacts and
    lock, plan, policy, cost, and a rehearsal in which both releases are built and compared on a sample of real
    documents. A COLLECTION that is named is judged whether it changed or not.

    The rehearsal works on TURNOUT_ELASTICSEARCH_URL, under index names of its own that expire; else on the local node,
    which is started and left running (`turnout elastic stop` ends it).

    Writes report.html (the whole report, with plots), report.md (the comment on a pull request), report.json and
    findings.sarif. Exit code: 0 pass, 1 fail or inconclusive, 2 usage, 3 something that it needs is missing or went
    away. pipelines/README.md says what each rule refuses and how to lift it.

    \b
    turnout check --base origin/main                 what the pull request will say
    turnout check --base HEAD                        what isn't committed yet
    turnout check python-docs --base HEAD~1 --format json
    """
    from turnout.cli.artifacts import collections as known_collections
    from turnout.cli.checking import Asked
    from turnout.gate.scope import find_scope

    settings = from_environment()
    folder = out or settings.build / "check"
    _prepare(folder)
    scope = find_scope(settings.root, ref)
    if not scope.subjects:
        known_collections(settings.root)  # a pass in a folder without artifacts would say nothing
    named = [scope.subject(name) for name in dict.fromkeys(collections)]
    report = _check(settings, scope, named, folder=folder, asked=Asked(processes, metrics))
    return _tell(report, folder, form)


def _prepare(folder: Path) -> None:
    """Fail before any work is done, and leave no report of an earlier run to be taken for this one's.

    Raises:
        EnvironmentProblem: the folder can't be written, or what draws the report isn't installed.
    """
    from turnout.gate.report import require_drawing

    require_drawing()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in _REPORTS:
            (folder / name).unlink(missing_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        remedy = "name another folder with --out"
        raise EnvironmentProblem(f"reports can't be written: {reason}", where=str(folder), remedy=remedy) from error


def _check(settings: Settings, scope: Scope, named: Sequence[Subject], *, folder: Path, asked: Asked) -> CheckReport:
    from rich.console import Console

    from turnout.cli.checking import Progress
    from turnout.cli.findings import render
    from turnout.cli.judging import make_steps
    from turnout.cli.terminating import terminated_like_interrupted
    from turnout.cli.validate import collection_findings, policy_findings
    from turnout.gate.check import check
    from turnout.gate.findings import of_validation

    root = settings.root
    policy = list(policy_findings(root))
    found = {each.collection: list(collection_findings(root, each.collection)) for each in scope.subjects if each.now}
    flat = [*policy, *(finding for findings in found.values() for finding in findings)]
    (folder / SARIF).write_text(render(flat, form="sarif", collections=len(found)), encoding="utf-8")
    # What the code of turnout or the calendar broke is never green, even if no file of the collection changed.
    judged = named or [each for each in scope.subjects if each.touched or found.get(each.collection)]
    with terminated_like_interrupted(), Progress(Console(stderr=True)) as progress:
        progress.say(f"{len(judged)} of {len(scope.subjects)} collections to judge, base {scope.base_commit[:12]}")
        steps = make_steps(settings, scope, progress, asked)
        return check(scope, judged, root, steps, beside=tuple(map(of_validation, policy)))


def _tell(report: CheckReport, folder: Path, form: str) -> int:
    from rich.console import Console

    from turnout.cli.checking import as_annotations, exit_code
    from turnout.gate.report import text, write

    paths = write(report, folder)
    if form == "json":
        click.echo((folder / "report.json").read_text(encoding="utf-8"), nl=False)
    elif form == "github":
        click.echo("\n".join(as_annotations(report)))
    else:
        console = Console(soft_wrap=True)
        for part in text(report):
            console.print(part)
        console.print(f"reports: {', '.join(str(path) for path in paths)}", markup=False, highlight=False)
    return exit_code(report)
