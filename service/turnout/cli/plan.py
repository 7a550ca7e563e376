"""`turnout plan`: what a change will do, cost and break, before it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from turnout.cli.artifacts import check_collection, decode_release, load_policy, load_release
from turnout.cli.guarding import confirming, guard
from turnout.cli.settings import Settings, from_environment
from turnout.errors import Unavailable
from turnout.release.checking import artifact_file

if TYPE_CHECKING:
    from turnout.confirm import Finding
    from turnout.plan import Observed, Plan
    from turnout.release.artifacts import Release


@click.command("plan")
@click.argument("collection")
@click.option("--base", "ref", metavar="REF", help="Compare with release.json at this Git ref. [default: HEAD]")
@click.option("--live", is_flag=True, help="Compare with the release that the alias serves.")
@click.option("--confirm", "trying", is_flag=True, help="Hold the rules against the Elasticsearch at hand.")
@confirming
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
def command(collection: str, *, ref: str | None, live: bool, trying: bool, confirmed: str | None, form: str) -> int:
    """Show what bringing COLLECTION's release live will do: class of change, stages, time, money, disk and memory.

    The head is the working tree, valid and locked (`turnout validate`, `turnout lock`). A cluster is asked if there is
    one; with --live or --confirm there must be one. Exit code 1 if the plan is refused, by pipelines/policy.yaml or by
    what it would cost or run into, or if the server disagrees with a rule.

    \b
    turnout plan python-docs                      against the last commit
    turnout plan python-docs --base origin/main   against a branch
    turnout plan python-docs --live --confirm     against the cluster, rules tried out
    turnout plan python-docs --format markdown    for a comment on a pull request
    """
    if live and ref:
        raise click.UsageError("--base and --live exclude each other")
    from turnout.plan import make_plan

    settings = from_environment()
    head = load_release(settings, collection)
    if trying:
        guard(settings, settings.names(collection), confirmed)
    base = _live(settings, collection) if live else _at_ref(settings, collection, ref or "HEAD")
    observed = _observed(settings, collection, base, needed=live or trying)
    allowed, policy = permissions(settings, collection), load_policy(settings)
    plan = make_plan(base, head, observed, overrides=allowed, policy=policy)
    findings = _confirm(settings, base, head, plan) if trying else None
    _show(plan, findings, form)
    if form == "text" and plan.stages:
        _print_weights(settings)
    return 1 if plan.refusals or findings else 0


def _at_ref(settings: Settings, collection: str, ref: str) -> Release | None:
    from turnout.git import read_file

    path = artifact_file(collection, "release.json")
    data = read_file(settings.root, ref, path)
    return None if data is None else decode_release(data, f"{ref}:{path}")


def _live(settings: Settings, collection: str) -> Release | None:
    from turnout.observed import live_release

    return live_release(settings.reader(), settings.names(collection))


def _observed(settings: Settings, collection: str, base: Release | None, *, needed: bool) -> Observed:
    from turnout.observed import observe
    from turnout.plan import assumed

    try:
        return observe(settings.reader(), settings.names(collection))
    except Unavailable:
        if needed:
            raise
        return assumed(base)


def permissions(settings: Settings, collection: str) -> tuple[str, ...]:
    """Rules that overrides.yaml allows to break today. An override that has ended is a finding of `load_release`."""
    found = check_collection(settings.root, collection).overrides
    return tuple(override.rule for override in found.overrides) if found else ()


def _confirm(settings: Settings, base: Release | None, head: Release, plan: Plan) -> tuple[Finding, ...]:
    from turnout.confirm import confirm

    return confirm(settings.reader(), settings.writer(), base, head, plan, prefix=settings.prefix)


def _show(plan: Plan, findings: tuple[Finding, ...] | None, form: str) -> None:
    if form == "json":
        import msgspec
        import orjson

        shown = msgspec.to_builtins(plan) | {"confirmation": msgspec.to_builtins(findings)}
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
    elif form == "markdown":
        from turnout.plan.markdown import code, escape, markdown

        click.echo(markdown(plan), nl=False)
        for finding in findings or ():
            click.echo(f"\n- **disagreement** {code(finding.path)}: {escape(finding.what)}. {escape(finding.remedy)}.")
    else:
        _print(plan, findings)


def _print_weights(settings: Settings) -> None:
    from turnout.cli.weights import weight_lines

    for number, line in enumerate(weight_lines(settings.root)):
        click.echo(f"{'canary    ' if not number else '          '}{line}")


def _print(plan: Plan, findings: tuple[Finding, ...] | None) -> None:
    from rich.console import Console
    from rich.text import Text

    from turnout.plan.text import text
    from turnout.release.findings import printable

    console = Console(soft_wrap=True)
    for part in text(plan):
        console.print(part)
    if findings == ():
        console.print(Text("confirmed: Elasticsearch agrees with every rule used", style="green"))
    for finding in findings or ():
        console.print(Text(f"{finding.rule} {printable(finding.path)}: {printable(finding.what)}", style="red"))
        console.print(Text(f"  {finding.remedy}"))
