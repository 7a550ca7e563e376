"""`make drill`: every mutation of the catalogue against the good release, one after the other."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.gate_file import keep
from drill import table
from drill.catalogue import ALL
from drill.mutation import Mutation
from drill.outcome import Outcome, append, read, tally
from drill.stage import Stage
from turnout.elastic import node
from turnout.embedding import prepare
from turnout.errors import TurnoutError

MOST_MISSED = 2


def main() -> int:
    """The exit code: 0 if the gate held, 1 if not, 3 if a mutation could not be judged, 130 if it was interrupted."""
    parser = argparse.ArgumentParser(prog="python -m drill", description=__doc__)
    parser.add_argument("--build", type=Path, default=Path("build"), help="folder for what the drill makes")
    parser.add_argument("--only", metavar="NAME", action="append", default=[], help="drill this one; may be repeated")
    parser.add_argument("--list", action="store_true", help="list the mutations and stop")
    parser.add_argument("--resume", action="store_true", help="keep the outcomes of a drill that was interrupted")
    parser.add_argument("--readme", type=Path, help="put the table of the last drill into this file and stop")
    arguments = parser.parse_args()
    if arguments.list:
        return _list()
    if arguments.readme:
        table.into_readme(arguments.readme)
        return 0
    chosen = [each for each in ALL if not arguments.only or each.name in arguments.only]
    if unknown := set(arguments.only) - {each.name for each in chosen}:
        parser.error(f"no mutation is called {', '.join(sorted(unknown))}; see --list")
    try:
        return _drill(chosen, arguments.build.resolve(), whole=not arguments.only, resume=arguments.resume)
    except TurnoutError as error:
        print(f"the drill can't run: {error}", file=sys.stderr)
        return 3


def _list() -> int:
    for each in ALL:
        print(f"{'harmful' if each.harmful else 'harmless':9} {each.change:12} {each.name}: {each.what}")
    return 0


def _drill(chosen: Sequence[Mutation], build: Path, *, whole: bool, resume: bool) -> int:
    stage = _stage(build)
    earlier = read(stage.outcomes) if resume else {}
    if whole and not resume:
        stage.outcomes.unlink(missing_ok=True)
    outcomes = {name: found for name, found in earlier.items() if name in {each.name for each in chosen}}
    try:
        for number, mutation in enumerate(chosen, 1):
            if mutation.name not in outcomes:
                outcomes[mutation.name] = outcome = stage.drill(mutation)
                append(stage.outcomes, outcome)
                print(f"{number}/{len(chosen)} {_line(outcome)}", flush=True)
    except KeyboardInterrupt:
        print("interrupted; `--resume` goes on here", file=sys.stderr)
        _end(outcomes, whole=whole)
        return 130
    if whole:
        stage.clear()
    return _end(outcomes, whole=whole)


def _stage(build: Path) -> Stage:
    models = Path(os.environ.get("TURNOUT_MODELS", build / "models")).resolve()
    prepare.prepare(prepare.minilm_source(), models)
    url = node.ensure(build, env=os.environ, port=0, tell=print).url
    env = {
        "TURNOUT_ELASTICSEARCH_URL": url,
        "TURNOUT_INDEX_PREFIX": os.environ.get("TURNOUT_INDEX_PREFIX") or "drill-",
        "TURNOUT_MODELS": str(models),
        "TURNOUT_BUILD": str(build),
    }
    return Stage(Path.cwd(), build / "drill", env)


def _line(outcome: Outcome) -> str:
    said = "WRONG" if outcome.wrong and outcome.verdict != "unclear" else "ok"
    numbers = f" gain {outcome.gain:+.3f}" if outcome.gain is not None else ""
    numbers += f" recall {outcome.recall:.3f}" if outcome.recall is not None else ""
    kind = "harmful" if outcome.harmful else "harmless"
    return (
        f"{said} {kind} {outcome.name}: {outcome.change} {outcome.verdict} "
        f"[{', '.join(outcome.caught)}]{numbers} {outcome.seconds:.0f} s {outcome.why[:160]}"
    )


def _end(outcomes: dict[str, Outcome], *, whole: bool) -> int:
    counts = tally(outcomes.values())
    minutes = sum(outcome.seconds for outcome in outcomes.values()) / 60
    print(f"{counts}, {minutes:.1f} minutes")
    if whole:
        rows = [msgspec.to_builtins(outcomes[each.name]) for each in ALL if each.name in outcomes]
        figures = msgspec.to_builtins(counts)
        keep("drills", {**figures, "minutes": round(minutes, 1), "complete": len(rows) == len(ALL), "rows": rows})
        if len(rows) == len(ALL):
            table.write(outcomes, minutes)
    if counts.harmless_stopped or counts.harmful_missed > MOST_MISSED:
        return 1
    return 3 if counts.unclear else 0


if __name__ == "__main__":
    sys.exit(main())
