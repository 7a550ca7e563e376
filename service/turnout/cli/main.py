"""The `turnout` command: finds the verb's file, runs it, turns errors into exit codes.

0 ok, 1 findings or a refusal, 2 usage or bad input, 3 environment, 130 interrupted.
"""

from __future__ import annotations

import importlib
import sys

import click

from turnout import __version__
from turnout.errors import BadInput, EnvironmentProblem, Refused, TurnoutError
from turnout.release.findings import printable

# Verb -> one line of help. The verb's command is `command` in turnout.cli.<verb>; listing them here keeps `--help`
# and `validate` from importing numpy.
VERBS = {
    "lock": "Write release.json from a collection's artifacts.",
    "validate": "Check artifacts and their lock; findings with file, line and remedy.",
    "plan": "Show what a change will do, cost and break, before it does.",
    "check": "Judge a change: validate, plan, policy, cost, rehearsal; one report.",
    "apply": "Walk the plan: build, follow, verify, flip.",
    "status": "Show releases, views, lag, parity and the alias.",
    "revert": "Go back to the release that was live before.",
    "retire": "Delete the views that nobody needs any more.",
    "freeze": "Stop or allow automatic flips and retirements.",
    "adopt": "Write the files for a live index that turnout didn't make.",
    "elastic": "Start, stop or look at a local Elasticsearch.",
    "ingest": "Read a source into the documents index.",
    "follow": "Keep a view up to date with documents.",
    "ledger": "Keep deletes outside Elasticsearch, for a restore.",
    "restore": "Bring documents back from a snapshot, without what was deleted since.",
    "serve": "Run the retrieval service.",
    "controller": "Build, verify, flip and retire in a cluster, as Git says.",
    "judge": "Judge a past canary again from Prometheus, and draw it.",
    "dashboards": "Check that each dashboard panel has data in Prometheus, and draw it.",
    "model": "Prepare a model for the torch-free runtimes, or show its identity.",
}


class Verbs(click.Group):
    """A group that imports a verb's module when the verb is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"turnout.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="turnout")
def root() -> None:
    """GitOps for vector search on Elasticsearch.

    \b
    turnout validate                    check every collection
    turnout plan python-docs --base HEAD~1
    turnout apply python-docs
    """


def exit_code(error: TurnoutError) -> int:
    """The exit code that an error means."""
    match error:
        case Refused():
            return 1
        case BadInput():
            return 2
        case EnvironmentProblem():
            return 3
        case _:
            return 1


def main() -> None:
    """Entry point of the `turnout` program."""
    try:
        code = root.main(standalone_mode=False)
    except TurnoutError as error:
        # A value from a file or a server must not steer the terminal.
        lines = (printable(line) for line in f"error: {error}".splitlines())
        click.secho("\n".join(lines), fg="red", err=True)
        sys.exit(exit_code(error))
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.secho("interrupted", fg="yellow", err=True)
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)
