"""A backfill as a tutorial writes it: `encode` for each document, `helpers.bulk` over a generator.

Run by bench_backfill.py with the interpreter that has sentence-transformers. It is given every help that isn't the
point: passages are cut already, and its clock starts when the model is loaded and warm. Prints its seconds as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch, helpers
from sentence_transformers import SentenceTransformer


def main(url: str, index: str, model: str, folder: str) -> None:
    """Create `index` from folder/mapping.json and fill it from folder/documents.jsonl."""
    documents = [json.loads(line) for line in (Path(folder) / "documents.jsonl").read_text().splitlines()]
    mapping = json.loads((Path(folder) / "mapping.json").read_text())
    client = Elasticsearch(url, request_timeout=120)
    encoder = SentenceTransformer(model, device="cpu")
    encoder.encode(["warm up"] * 8, show_progress_bar=False)

    def actions() -> Iterator[dict[str, Any]]:
        for document in documents:
            texts = document["passages"]
            vectors = encoder.encode(texts, show_progress_bar=False)
            passages = [{"text": t, "vector": v.tolist()} for t, v in zip(texts, vectors, strict=True)]
            yield {"_index": index, "_id": document["id"], "_source": {**document["fields"], "passages": passages}}

    start = time.perf_counter()
    client.indices.create(index=index, **mapping)
    helpers.bulk(client, actions())
    client.indices.refresh(index=index)
    print(json.dumps({"seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main(*sys.argv[1:])
