"""An index as a tutorial makes it: nested passages with vectors, an alias, defaults for all else."""

from __future__ import annotations

from typing import Any

import numpy as np
from elasticsearch import Elasticsearch
from elasticsearch.helpers import bulk

DIMS = 16
MAPPINGS: dict[str, Any] = {
    "_meta": {"team": "shop"},
    "properties": {
        "title": {"type": "text", "analyzer": "folded", "fields": {"keyword": {"type": "keyword"}}},
        "body": {"type": "text", "analyzer": "folded"},
        "url": {"type": "keyword"},
        "published": {"type": "date"},
        "author": {"properties": {"name": {"type": "keyword"}}},
        "passages": {
            "type": "nested",
            "properties": {
                "text": {"type": "text"},
                "vector": {"type": "dense_vector", "dims": DIMS, "index": True, "similarity": "cosine"},
            },
        },
    },
}
SETTINGS: dict[str, Any] = {
    "number_of_shards": 2,
    "number_of_replicas": 0,
    "analysis": {"analyzer": {"folded": {"tokenizer": "standard", "filter": ["lowercase", "asciifolding"]}}},
}


def make(client: Elasticsearch, index: str, alias: str, *, documents: int = 30) -> None:
    """Create the index with an alias and fill it."""
    client.indices.create(index=index, mappings=MAPPINGS, settings=SETTINGS, aliases={alias: {}})
    random = np.random.default_rng(7)
    actions = [
        {
            "_index": index,
            "_id": str(place),
            "title": f"Post {place}",
            "body": f"The text of post {place}. And some more of it.",
            "url": f"/posts/{place}",
            "author": {"name": "ann"},
            "passages": [
                {"text": f"The text of post {place}.", "vector": random.normal(size=DIMS).round(4).tolist()}
                for _ in range(2)
            ],
        }
        for place in range(documents)
    ]
    bulk(client, actions, refresh=True)
