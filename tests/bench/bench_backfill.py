"""How long a backfill takes, end to end on a real server: turnout against a tutorial's way, and against itself.

Every repetition runs all ways one after the other, so that a slow minute of the machine hits all of them. Writes
build/bench/backfill.json and prints it. Run by `make bench`; TURNOUT_ELASTICSEARCH_URL names another server than the
local one. Exit code 1 if a limit isn't held.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from backfill_world import COLLECTION, World, changed, least_cosine, with_runtime, world

from turnout.cli.settings import from_environment
from turnout.elastic import node
from turnout.embedding import best_runtime, cpu
from turnout.embedding.prepare import minilm_source, prepare
from turnout.plan import assumed, make_plan
from turnout.release import fingerprint
from turnout.release.artifacts import Release

ROOT = Path(__file__).parents[2]
Seconds = dict[str, list[float]]


def main() -> int:
    """Measure, write, print."""
    arguments = _arguments()
    settings = from_environment()
    url = node.ensure(settings.build, env=os.environ, port=0).url
    model = prepare(minilm_source(), settings.models)
    release = fingerprint.decode((ROOT / "pipelines" / COLLECTION / "release.json").read_bytes())
    with (
        tempfile.TemporaryDirectory() as folder,
        world(url, settings.models, Path(folder), processes=arguments.processes) as here,
    ):
        here.ingest(arguments.documents)
        report = measure(here, release, arguments, model)
    limits = _limits()
    report["limits"] = limits
    report["held"] = {name: _held(report, name, least) for name, least in limits.items()}
    text = json.dumps(report, indent=2)
    target = settings.build / "bench" / "backfill.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text + "\n")
    print(text)
    return 0 if all(report["held"].values()) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="repetitions of every way")
    parser.add_argument("--documents", type=int, help="a seeded sample of this many documents; default all")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)), help="of turnout's follower")
    parser.add_argument("--torch-python", type=Path, default=ROOT / ".venv-torch" / "bin" / "python")
    parser.add_argument("--skip-naive", action="store_true", help="only turnout against itself")
    return parser.parse_args()


def measure(here: World, release: Release, arguments: argparse.Namespace, model: Path) -> dict[str, Any]:
    """All repetitions, and what they come to."""
    exact, best = with_runtime(release, cpu.best_exact_runtime()), with_runtime(release, best_runtime())
    here.prepare_naive(exact)
    _warm_up(here, best)
    seconds: Seconds = defaultdict(list)
    vectors: dict[str, float] = {}
    moved: dict[str, int] = {}
    for number in range(arguments.runs):
        last = number == arguments.runs - 1
        naive = None if arguments.skip_naive else here.fill_naively(arguments.torch_python, model, number)
        with here.filling(exact) as (follower, fp32):
            _take(seconds, "turnout_fp32", fp32.seconds)
            if naive:
                _take(seconds, "naive", naive.seconds)
            copied = here.fill(_other_analyzer(exact), reuse_from=fp32.index)
            _take(seconds, "copy", copied.seconds)
            fastest = here.fill(best) if best != exact else fp32
            _take(seconds, "turnout_best", fastest.seconds)
            if last:
                vectors = _compared(here, fp32.index, fastest.index, naive.index if naive else None)
                moved = _moved(here, exact, fp32.index)
            _take(seconds, "incremental_1pct", _incremental(here, follower))
        for index in {fp32.index, copied.index, fastest.index, *([naive.index] if naive else [])}:
            here.drop(index)
    return _report(here, arguments, seconds, vectors, moved, exact=exact, best=best)


def _warm_up(here: World, release: Release) -> None:
    """Fill and copy once without counting: a server that just started takes half as long again for its first bulks."""
    filled = here.fill(release)
    copied = here.fill(_other_analyzer(release), reuse_from=filled.index)
    for index in (filled.index, copied.index):
        here.drop(index)


def _incremental(here: World, follower: Any) -> float:
    """Seconds until a live follower has brought a changed hundredth of the documents into its view."""
    wanted = here.touch(0.01)
    start = time.perf_counter()
    counts = here.catch_up(follower)
    seconds = time.perf_counter() - start
    here.documents.upsert_many(here.sources, owner="bench")
    if counts.embedded < wanted:
        raise ValueError(f"{counts.embedded} passages were embedded for {wanted} changed documents")
    return seconds


def _other_analyzer(release: Release) -> Release:
    """A change that needs a copy and no new vectors."""
    mapping = msgspec.json.decode(msgspec.json.encode(release.mapping))
    mapping["mappings"]["properties"]["body"]["analyzer"] = "english"
    return changed(release, mapping=mapping)


def _compared(here: World, fp32: str, best: str, naive: str | None) -> dict[str, float]:
    exact = here.vectors(fp32)
    compared = {"min_cosine_to_fp32": least_cosine(here.vectors(best), exact), "passages": float(len(exact))}
    if naive:
        compared["min_cosine_fp32_to_reference"] = least_cosine(exact, here.vectors(naive))
    return compared


def _moved(here: World, release: Release, index: str) -> dict[str, int]:
    """Documents that cheap changes move: what the plan says, and what following under the new release did."""
    pipeline = release.pipeline
    retrieval = msgspec.structs.replace(pipeline.retrieval, rank_constant=pipeline.retrieval.rank_constant + 1)
    limits = msgspec.structs.replace(pipeline.limits, max_k=pipeline.limits.max_k + 1)
    heads = {
        "query": changed(release, pipeline=msgspec.structs.replace(pipeline, retrieval=retrieval)),
        "operational": changed(release, pipeline=msgspec.structs.replace(pipeline, limits=limits)),
    }
    moved = {}
    for name, head in heads.items():
        plan = make_plan(release, head, assumed(release))
        if plan.change.value != name or plan.estimate.documents != 0:
            raise ValueError(f"the plan says {plan.change.value} and {plan.estimate.documents} documents, not {name}")
        moved[name] = here.follow_only(head, index).documents
    return moved


def _take(seconds: Seconds, name: str, value: float) -> None:
    seconds[name].append(value)
    print(f"{name}: {value:.2f} s", file=sys.stderr, flush=True)


def _report(
    here: World,
    arguments: argparse.Namespace,
    seconds: Seconds,
    vectors: dict[str, float],
    moved: dict[str, int],
    *,
    exact: Release,
    best: Release,
) -> dict[str, Any]:
    middle = {name: statistics.median(runs) for name, runs in seconds.items()}
    ratios = {
        "naive_over_turnout_fp32": ("naive", "turnout_fp32"),
        "naive_over_turnout": ("naive", "turnout_best"),
        "embed_over_copy": ("turnout_fp32", "copy"),
        "incremental_1pct_share": ("incremental_1pct", "turnout_fp32"),
    }
    known = {name: pair for name, pair in ratios.items() if set(pair) <= seconds.keys()}
    return {
        "ratios": {name: round(middle[above] / middle[below], 4) for name, (above, below) in known.items()},
        "ratios_by_run": {
            name: [round(a / b, 4) for a, b in zip(seconds[above], seconds[below], strict=True)]
            for name, (above, below) in known.items()
        },
        "seconds": {name: _spread(runs) for name, runs in seconds.items()},
        "documents_per_second": {
            name: round(len(here.sources) / middle[name], 1) for name in middle if name != "incremental_1pct"
        },
        "vectors": vectors,
        "documents": len(here.sources),
        "documents_moved": moved,
        "runtimes": {"turnout_fp32": _runtime(exact), "turnout_best": _runtime(best)},
        "processes": arguments.processes,
        "cores": len(os.sched_getaffinity(0)),
        "cpu_has_bf16": cpu.has_bf16(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def _runtime(release: Release) -> str:
    return f"{release.model.runtime.name} {release.model.runtime.precision}"


def _spread(runs: Sequence[float]) -> dict[str, Any]:
    rounded = [round(run, 3) for run in runs]
    return {"median": statistics.median(rounded), "min": min(rounded), "max": max(rounded), "runs": rounded}


def _limits() -> dict[str, float]:
    """What must hold: at least, except for the share, which is at most."""
    return {
        "naive_over_turnout_fp32": 2.0,
        "naive_over_turnout": 3.0 if cpu.has_bf16() else 2.0,
        "embed_over_copy": 15.0,
        "incremental_1pct_share": 0.03,
        "min_cosine_to_fp32": 0.999,
        "min_cosine_fp32_to_reference": 0.99999,
        "documents_moved": 0,
    }


def _held(report: dict[str, Any], name: str, limit: float) -> bool:
    if name == "documents_moved":
        return not any(report["documents_moved"].values())
    value = (report["ratios"] | report["vectors"]).get(name)
    if value is None:
        return True
    return bool(value <= limit if name.endswith("share") else value >= limit)


if __name__ == "__main__":
    sys.exit(main())
