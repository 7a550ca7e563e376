"""A few hundred documents: those that the first queries of the query set need, and a query set of those queries.

The whole corpus would spend the stories' time on embedding; what they show doesn't depend on its size.
"""

from __future__ import annotations

import json
from pathlib import Path

from turnout.ingest import Documents
from turnout.ingest.connectors.python_docs import PythonDocs
from turnout.ingest.source import SourceDocument

SHARDS = 2  # a pod fills each; eight would be eight times a pod that starts
QUERIES = 110  # a few more than gates.yaml asks for
LEAST_GRADE = 2  # clearly useful
OWNER = "python-docs:stdlib"


def keep_queries(folder: Path) -> set[str]:
    """Cut the query set in `folder` (evaluation/) to the first queries; the ids of the documents that they need.

    The judgments of everything else stay: a document that isn't there is found by neither of two releases.
    """
    path = folder / "queries.jsonl"
    lines = path.read_text().splitlines()[:QUERIES]
    path.write_text("\n".join(lines) + "\n")
    kept = {str(json.loads(line)["_id"]) for line in lines}
    header, *judgments = (folder / "qrels.tsv").read_text().splitlines()
    judgments = [line for line in judgments if line.split("\t")[0] in kept]
    (folder / "qrels.tsv").write_text("\n".join([header, *judgments]) + "\n")
    return {line.split("\t")[1] for line in judgments if int(line.split("\t")[2]) >= LEAST_GRADE}


def texts(folder: Path) -> list[str]:
    """What the load asks for."""
    return [str(json.loads(line)["text"]) for line in (folder / "queries.jsonl").read_text().splitlines()]


def ingest(documents: Documents, wanted: set[str]) -> int:
    """Write the wanted documents of the standard library; how many there are.

    Raises:
        Unavailable: Elasticsearch went away.
    """
    found = [each for each in PythonDocs().read() if isinstance(each, SourceDocument) and each.source_id in wanted]
    documents.ensure(shards=SHARDS)
    documents.upsert_many(found, owner=OWNER)
    return len(found)
