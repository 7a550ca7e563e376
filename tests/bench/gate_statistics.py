"""How often the pull-request gate errs: false alarms between equal systems, and power to find a real loss.

Both are measured on per-query results of two real systems, the static model and MiniLM over the committed collection:

- `aa`: in each repetition every query's two rankings are dealt to base and head by the toss of a coin. The systems are
  as distinct as before and equal in expectation, so that every fail of `compare` is a false alarm.
- `power`: the differences are centred, shifted to a true loss and drawn with replacement.

TURNOUT_BENCH_CRANFIELD names a folder with corpus.jsonl, queries.jsonl and qrels.tsv for a second source of
differences. Writes the sections `aa` and `power` of build/bench/gate.json. Run by `make bench`; exit code 1 if a bound
isn't held.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gate_file
import msgspec
import numpy as np
from gate_rankings import ROOT, Sides, cranfield, python_docs, rankings

from turnout.evaluation import Run, compare, evaluate, power_of
from turnout.evaluation.deciding import decide_metrics
from turnout.release import fingerprint
from turnout.release.artifacts import Gates, QualityGate

SEED = 20260101
REPETITIONS = 2000
AA_ALPHA, POWER_ALPHA = 0.01, 0.05
LOSS, QUERIES = 0.045, 225
LOSSES = (0.01, 0.02, 0.03, 0.04, 0.045, 0.05, 0.06, 0.08)
COUNTS = (50, 100, 163, 225, 400)
MOST_FALSE_ALARMS, LEAST_POWER = 0.015, 0.8
_TABLE_REPETITIONS, _TABLE_RESAMPLES = 250, 1000
_CRANFIELD = "TURNOUT_BENCH_CRANFIELD"


def measure(folder: Path | None = None, *, repetitions: int = REPETITIONS) -> dict[str, dict[str, Any]]:
    """The sections `aa` and `power`.

    Args:
        folder: a second source of differences; None for none.
    """
    release = fingerprint.decode((ROOT / "pipelines" / "python-docs" / "release.json").read_bytes())
    sides = rankings(python_docs())
    found = {
        "aa": false_alarms(sides, release.gates, repetitions=repetitions),
        "power": power(sides, release.gates.verify.quality, repetitions=repetitions),
    }
    if folder is not None:
        second = rankings(cranfield(folder))
        found["power"]["cranfield"] = power(second, release.gates.verify.quality, repetitions=repetitions)
    return found


def false_alarms(sides: Sides, gates: Gates, *, repetitions: int) -> dict[str, Any]:
    """Shares of verdict fail between systems of equal quality, and those of metrics and of slices (both may fail)."""
    gate = msgspec.structs.replace(gates.verify.quality, alpha=AA_ALPHA)
    alarms = metrics = slices = 0
    for head, base in _dealt(sides, repetitions):
        found = compare(head, base, sides.corpus.query_set, gate, gates.rehearsed)
        alarms += found.verdict == "fail"
        slices += any(change.verdict == "fail" for change in found.slices)
        metrics += decide_metrics(found.metrics, gate, slices=found.slices)[0] == "fail"
    return {
        "alpha": AA_ALPHA,
        "repetitions": repetitions,
        "false_alarm_rate": alarms / repetitions,
        "limit": MOST_FALSE_ALARMS,
        "held": alarms / repetitions <= MOST_FALSE_ALARMS,
        "by_metrics": metrics / repetitions,
        "by_slices": slices / repetitions,
    }


def _dealt(sides: Sides, repetitions: int) -> Iterator[tuple[Run, Run]]:
    rng = np.random.default_rng(SEED)
    queries = [query.id for query in sides.corpus.query_set.queries]
    for _ in range(repetitions):
        swapped = dict(zip(queries, rng.random(len(queries)) < 0.5, strict=True))
        head = {query: (sides.static if swap else sides.minilm)[query] for query, swap in swapped.items()}
        base = {query: (sides.minilm if swap else sides.static)[query] for query, swap in swapped.items()}
        yield head, base


def power(sides: Sides, quality: QualityGate, *, repetitions: int) -> dict[str, Any]:
    """Power at the loss and the number of queries that are asked for, and a table around it."""
    gate = msgspec.structs.replace(quality, alpha=POWER_ALPHA)
    differences = _differences(sides, gate.metric)
    asked = power_of(differences, loss=LOSS, queries=QUERIES, gate=gate, repetitions=repetitions)
    table = {
        f"{loss:g}": {
            str(count): power_of(
                differences,
                loss=loss,
                queries=count,
                gate=gate,
                repetitions=_TABLE_REPETITIONS,
                resamples=_TABLE_RESAMPLES,
            )
            for count in COUNTS
        }
        for loss in LOSSES
    }
    return {
        "alpha": POWER_ALPHA,
        "repetitions": repetitions,
        "deviation": float(differences.std(ddof=1)),
        "ndcg_loss_0045": asked,
        "limit": LEAST_POWER,
        "held": asked >= LEAST_POWER,
        "table": table,
    }


def _differences(sides: Sides, metric: str) -> np.ndarray:
    qrels = sides.corpus.query_set.qrels
    minilm, static = (evaluate(run, qrels, metric).by_query for run in (sides.minilm, sides.static))
    return np.array([value - static[query] for query, value in minilm.items()])


def shown(name: str, values: dict[str, Any]) -> str:
    """The table of one source as text: a row for each loss, a column for each number of queries."""
    head = f"power at alpha {values['alpha']:g}, {name} (deviation {values['deviation']:.3f})"
    rows = [f"{'loss':>6} " + " ".join(f"{count:>6}" for count in COUNTS)]
    for loss, row in values["table"].items():
        rows.append(f"{loss:>6} " + " ".join(f"{row[str(count)]:>6.2f}" for count in COUNTS))
    asked = f"a loss of {LOSS} on {QUERIES} queries is found in {values['ndcg_loss_0045']:.3f} of the repetitions"
    return "\n".join([head, *rows, asked])


def main() -> int:
    """Measure, write, print."""
    folder = os.environ.get(_CRANFIELD)
    found = measure(Path(folder) if folder else None)
    for section, values in found.items():
        gate_file.keep(section, values)
    aa, powers = found["aa"], found["power"]
    print(f"false alarms at alpha {aa['alpha']:g}: {aa['false_alarm_rate']:.4f} of {aa['repetitions']} repetitions")
    print(f"  by metrics {aa['by_metrics']:.4f}, by slices {aa['by_slices']:.4f}")
    print(shown("python-docs", powers))
    print(shown("cranfield", powers["cranfield"]) if folder else f"{_CRANFIELD} is not set: no second source")
    return 0 if aa["held"] and powers["held"] else 1


if __name__ == "__main__":
    sys.exit(main())
