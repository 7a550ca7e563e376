"""How long `turnout validate` takes over 1,000 collections on one core, start-up included, without a cache.

Each collection is another one: fields, settings, model digests, queries and comments differ, so nothing could be
reused. Writes build/bench/validate.json and prints it. Run by `make bench`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from turnout.cli.artifacts import read_files, today
from turnout.passages import CODE_VERSIONS
from turnout.release import fingerprint
from turnout.release.checking import artifact_file, lock

ROOT = Path(__file__).parents[2]
DEMO = "python-docs"
EXTRA_FIELDS = 35  # with the demo's own, a mapping of about 41 fields
QUERIES, JUDGMENTS = 100, 500
LIMIT_SECONDS = 5.0


def main() -> int:
    """Generate, measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--collections", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for number in range(arguments.collections):
            generate(root, f"collection-{number:04}", random.Random(number))
        size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
        walls, cpus = zip(*(measure(root) for _ in range(arguments.runs)), strict=True)
    report = {
        "collections": arguments.collections,
        "seconds": spread(walls),
        "cpu_seconds": spread(cpus),  # what is left when others use the core too
        "limit_seconds": LIMIT_SECONDS,
        "bytes": size,
        "cores": 1,
        "load_average": os.getloadavg()[0],
    }
    text = json.dumps(report, indent=2)
    target = Path(os.environ.get("TURNOUT_BUILD", ROOT / "build")) / "bench" / "validate.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text + "\n")
    print(text)
    return 0 if statistics.median(cpus) <= LIMIT_SECONDS else 1


def spread(runs: Sequence[float]) -> dict[str, Any]:
    """Median and spread of the runs, in seconds."""
    rounded = [round(run, 3) for run in runs]
    return {"median": statistics.median(rounded), "min": min(rounded), "max": max(rounded), "runs": rounded}


def generate(root: Path, name: str, random_: random.Random) -> None:
    """Write one valid, locked collection made from the demo's."""
    demo = {file: (ROOT / file).read_text() for file in _demo_files()}
    mapping = json.loads(demo[f"schemas/{DEMO}/mapping.json"])
    extra = {f"field_{random_.randrange(10**9):09}": {"type": "keyword"} for _ in range(EXTRA_FIELDS)}
    mapping["mappings"]["properties"].update(extra)
    copies = "".join(f"    {field}: fields.{field}\n" for field in extra)
    texts = {file.replace(DEMO, name): text for file, text in demo.items()}
    pipeline = artifact_file(name, "pipeline.yaml")
    texts[f"schemas/{name}/mapping.json"] = json.dumps(mapping, indent=2)
    texts[pipeline] = texts[pipeline].replace("retrieval:\n", f"{copies}retrieval:  # {random_.random()}\n")
    texts[artifact_file(name, "model.yaml")] += f"# {random_.random()}\n"
    texts |= _evaluation(name, random_)
    for file, text in texts.items():
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    release = lock(name, read_files(root, name), today=today(), code=CODE_VERSIONS)
    (root / artifact_file(name, "release.json")).write_bytes(fingerprint.encode(release))


def _demo_files() -> list[str]:
    names = ("model.yaml", "pipeline.yaml", "gates.yaml")
    return [f"schemas/{DEMO}/mapping.json", *(artifact_file(DEMO, name) for name in names)]


def _evaluation(name: str, random_: random.Random) -> dict[str, str]:
    queries = [
        {"_id": f"q{number}", "text": f"what is said about {random_.random()} and {random_.random()}"}
        for number in range(QUERIES)
    ]
    judgments = [f"q{number % QUERIES}\tdocument-{number}\t{random_.randrange(3)}" for number in range(JUDGMENTS)]
    return {
        artifact_file(name, "evaluation/queries.jsonl"): "".join(json.dumps(query) + "\n" for query in queries),
        artifact_file(name, "evaluation/qrels.tsv"): "\n".join(["query-id\tcorpus-id\tscore", *judgments, ""]),
    }


def measure(root: Path) -> tuple[float, float]:
    """Seconds of one run pinned to one core, by the wall clock and of CPU time."""
    core = min(os.sched_getaffinity(0))
    environment = os.environ | {"TURNOUT_ROOT": str(root)}
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-c", "from turnout.cli import main; main()", "validate"],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, cpu


if __name__ == "__main__":
    sys.exit(main())
