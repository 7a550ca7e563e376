"""`turnout controller`: brings the cluster to what Git and Argo Rollouts say, again and again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from turnout.cli.controlling import ControllerSettings, controller_settings, judging, tools_maker
from turnout.cli.settings import Settings, from_environment
from turnout.cli.terminating import stopped_by_signals
from turnout.errors import BadInput, Refused, TurnoutError

if TYPE_CHECKING:
    from turnout.controller.actions import Decision
    from turnout.controller.loop import Loop
    from turnout.controller.observed import Observed
    from turnout.kube.election import Election

LEASE = "turnout-controller"


@click.command(short_help="Build, verify, flip and retire in a cluster, as Git and Argo Rollouts say.")
@click.option("--once", is_flag=True, help="One round for each collection, then end.")
@click.option("--dry-run", is_flag=True, help="Say what would be done now, and change nothing. Needs no lease.")
@click.option("--collection", metavar="NAME", help="With --dry-run: this collection only.")
@click.option("--host", default="0.0.0.0", show_default=True, help="Address of /metrics, /judge and probes.")  # noqa: S104
@click.option("--port", type=click.IntRange(0, 65535), default=8081, show_default=True, help="Port of the same.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(once: bool, dry_run: bool, collection: str | None, host: str, port: int, form: str) -> int:
    """Look at every collection that has a Rollout in this namespace, decide what is missing, and do it.

    Runs until SIGTERM or Ctrl-C. Of several replicas one leads; it gives the lease back when it ends. Outside a cluster
    kubectl's configuration is used. Exit code 1 with --dry-run if something is wrong, or with --once if another replica
    leads.

    \b
    Examples:
      turnout controller                                  as the Deployment runs it
      turnout controller --dry-run                        what would you do now, and why?
      turnout controller --dry-run --collection python-docs --format json | jq '.[].actions'
      turnout controller --once                           one round by hand, while no replica leads
    """
    if collection and not dry_run:
        raise click.UsageError("--collection needs --dry-run")
    settings, ours = from_environment(), controller_settings()
    if dry_run:
        return _show_decisions(settings, ours, collection, form)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # The vendor's client logs each connection that it opens again.
    logging.getLogger("elastic_transport").setLevel(logging.WARNING)
    return _run(settings, ours, once=once, address=(host, port))


def _run(settings: Settings, ours: ControllerSettings, *, once: bool, address: tuple[str, int]) -> int:
    from prometheus_client import CollectorRegistry, ProcessCollector

    from turnout.controller.board import Board
    from turnout.controller.loop import Loop
    from turnout.controller.reconcile import Counts
    from turnout.controller.server import serving
    from turnout.kube.client import connect
    from turnout.kube.election import Election
    from turnout.kube.reader import Reader
    from turnout.kube.writer import Writer

    client = connect(in_cluster=ours.in_cluster)
    reader, writer = Reader(client, ours.namespace), Writer(client, ours.namespace)
    election = Election(reader, writer, name=LEASE, identity=ours.identity)
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    board, counts = Board(election.leads), Counts(registry)
    registry.register(board)
    judges = judging(settings, ours, client)
    make = tools_maker(settings, ours, client, judges=judges)
    loop = Loop(reader, make, board, counts, leads=election.leads, period_s=ours.period_s)
    with stopped_by_signals() as stop, serving(*address, registry, loop.alive, ask=judges.ask):
        if once:
            return _once(election, loop)
        with _electing(election):
            loop.run(stop)
    return 0


def _once(election: Election, loop: Loop) -> int:
    """One round under the lease, if it can be had at once.

    Raises:
        Refused: another replica leads.
    """
    election.attempt()
    if not election.leads():
        raise Refused("another replica leads, or the API can't be reached", remedy="ask it with --dry-run instead")
    # Renewed meanwhile: a lease lasts for seconds, and a round may compare a large view with documents.
    with _electing(election):
        loop.turn()
        loop.settle(600.0)
    return 0


@contextmanager
def _electing(election: Election) -> Iterator[None]:
    """The election on a thread of its own. It outlives the block's work, so that the lease is held until that ended."""
    ended = threading.Event()
    thread = threading.Thread(target=election.run, args=(ended,), name="election", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=25)


def _show_decisions(settings: Settings, ours: ControllerSettings, collection: str | None, form: str) -> int:
    """What would be done now. Nothing is written, so no lease is needed."""
    import orjson

    from turnout.controller.look import collections
    from turnout.controller.reconcile import decide, look_problem
    from turnout.kube.client import connect
    from turnout.kube.reader import Reader

    client = connect(in_cluster=ours.in_cluster)
    known = collections(Reader(client, ours.namespace))
    if collection and collection not in known:
        raise BadInput(
            f"no Rollout is of collection {collection!r}", remedy=f"name one of: {', '.join(known) or 'none'}"
        )
    make = tools_maker(settings, ours, client)
    found = []
    for name in [collection] if collection else known:
        try:
            found.append(_decision(*decide(make(name, lambda: None))))
        except TurnoutError as error:
            found.append({"collection": name, "actions": [], "standings": [], "problems": look_problem(error)})
    if form == "json":
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    else:
        for each in found:
            _print(each)
    return 1 if any(each["problems"] for each in found) else 0


def _decision(observed: Observed, decision: Decision) -> dict[str, Any]:
    import msgspec

    rollout = observed.rollout
    shown = {"name": rollout.name, "phase": rollout.phase, "message": rollout.message} if rollout else None
    roles = {revision.hash: revision.role for revision in observed.revisions}
    standings = [{"role": roles.get(each.hash, ""), **msgspec.to_builtins(each)} for each in decision.standings]
    return {
        "collection": observed.collection,
        "rollout": shown,
        "alias": sorted(observed.targets),
        "frozen": observed.frozen,
        **msgspec.to_builtins(decision),
        "standings": standings,
    }


def _print(found: dict[str, Any]) -> None:
    rollout = found.get("rollout") or {"name": "no Rollout", "phase": "", "message": ""}
    click.echo(f"{found['collection']}: {rollout['name']} {rollout['phase']} {rollout['message']}".rstrip())
    for each in found["standings"]:
        waits = f": {each['waits_for']}" if each["waits_for"] else ""
        click.echo(
            f"  {each['role']:<7} {each['hash']:<11} {each['release_id'] or 'no release'} {each['state']}{waits}"
        )
    for action in found["actions"]:
        rest = ", ".join(
            f"{key} {value}" for key, value in action.items() if key != "action" and value not in ("", None)
        )
        click.echo(f"  would   {action['action']}: {rest}")
    if not found["actions"]:
        click.echo("  would   do nothing")
    for word, sentence in sorted(found["problems"].items()):
        click.secho(f"  problem {word}: {sentence}", fg="red")
