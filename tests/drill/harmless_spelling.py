"""Edits that say the same in another way: a gate that stops one of these is one that people learn to go around."""

from __future__ import annotations

import json
from typing import Any

import yaml

from drill.edits import GATES, MAPPING, MODEL, PIPELINE, put, text
from drill.mutation import Mutation
from support.workspace import COLLECTION


def _backwards(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _backwards(inner) for key, inner in reversed(value.items())}
    return value


HARMLESS = [
    Mutation(
        name="comments",
        what="comments added and removed",
        edits=(
            text(PIPELINE, lambda old: "# Reviewed in spring.\n" + old),
            text(MODEL, lambda old: "".join(line.split("  #")[0].rstrip() + "\n" for line in old.splitlines())),
        ),
        change="none",
    ),
    Mutation(
        name="yaml-keys-reordered",
        what="keys of all YAML files in another order",
        edits=tuple(
            text(file, lambda old: yaml.safe_dump(_backwards(yaml.safe_load(old)), sort_keys=False))
            for file in (MODEL, PIPELINE, GATES)
        ),
        change="none",
    ),
    Mutation(
        name="yaml-flow-style",
        what="YAML in flow style",
        edits=(text(GATES, lambda old: yaml.safe_dump(yaml.safe_load(old), default_flow_style=True, width=100)),),
        change="none",
    ),
    Mutation(
        name="yaml-quoted",
        what="texts in quotes",
        edits=(
            text(
                MODEL,
                lambda old: old.replace(
                    "id: sentence-transformers/all-MiniLM-L6-v2", "id: 'sentence-transformers/all-MiniLM-L6-v2'"
                ),
            ),
        ),
        change="none",
    ),
    Mutation(
        name="line-ends",
        what="line ends of Windows",
        edits=(text(PIPELINE, lambda old: old.replace("\n", "\r\n")),),
        change="none",
    ),
    Mutation(
        name="json-reformatted",
        what="mapping.json with another indentation",
        edits=(text(MAPPING, lambda old: json.dumps(json.loads(old), indent=8)),),
        change="none",
    ),
    Mutation(
        name="json-keys-reordered",
        what="keys of mapping.json in another order",
        edits=(text(MAPPING, lambda old: json.dumps(_backwards(json.loads(old)), indent=2) + "\n"),),
        change="none",
    ),
    Mutation(
        name="numbers-respelt",
        what="2 written as 2.0, 0.95 as 0.950",
        edits=(
            text(PIPELINE, lambda old: old.replace("title: 2\n", "title: 2.0\n")),
            text(GATES, lambda old: old.replace("min: 0.95\n", "min: 0.950\n")),
        ),
        change="none",
    ),
    Mutation(
        name="defaults-written",
        what="defaults of the pipeline written out",
        edits=(put(PIPELINE, {"/index/passages": "passages", "/index/passage_text": "text"}),),
        change="none",
    ),
    Mutation(
        name="readme-added",
        what="a README beside the artifacts",
        edits=(text(f"pipelines/{COLLECTION}/README.md", lambda old: "# python-docs\n\nAsk the search team.\n"),),
        change="none",
    ),
    Mutation(
        name="file-elsewhere",
        what="a file that belongs to no collection",
        edits=(text("docs/notes.md", lambda old: "Nothing to do with search.\n"),),
        change="none",
    ),
    Mutation(
        name="settings-respelt",
        what="index settings in their dotted spelling",
        edits=(
            text(
                MAPPING,
                lambda old: old.replace('"number_of_shards": 1', '"index.number_of_shards": "1"'),
            ),
        ),
        change="in-place",
    ),
    Mutation(
        name="mapping-default-written",
        what="a default of the mapping written out (index: true)",
        edits=(put(MAPPING, {"/mappings/properties/body/index": True}),),
        change="in-place",
    ),
]
