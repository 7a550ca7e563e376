"""Edits of artifact files, as values: places are JSON pointers, in YAML as in JSON. Used by the catalogue."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from drill.mutation import Edit
from support.workspace import COLLECTION, Workspace

MODEL = f"pipelines/{COLLECTION}/model.yaml"
PIPELINE = f"pipelines/{COLLECTION}/pipeline.yaml"
GATES = f"pipelines/{COLLECTION}/gates.yaml"
MAPPING = f"schemas/{COLLECTION}/mapping.json"
EVALUATION = f"pipelines/{COLLECTION}/evaluation"
QUERIES = f"{EVALUATION}/queries.jsonl"
QRELS = f"{EVALUATION}/qrels.tsv"
ANALYSIS = "/settings/analysis"
FIELDS = "/mappings/properties"
VECTOR = f"{FIELDS}/passages/properties/vector"


def read(path: Path) -> Any:
    """The content of a YAML or JSON file."""
    return json.loads(path.read_text()) if path.suffix == ".json" else yaml.safe_load(path.read_text())


def save(path: Path, content: Any) -> None:
    """Write it back; formatting and comments are lost, which means nothing."""
    as_json = path.suffix == ".json"
    path.write_text(json.dumps(content, indent=2) + "\n" if as_json else yaml.safe_dump(content, sort_keys=False))


def put(file: str, values: Mapping[str, object]) -> Edit:
    """Set places of a file; objects on the way are made."""

    def edit(workspace: Workspace) -> None:
        content = read(workspace.root / file)
        for pointer, value in values.items():
            *parents, last = pointer.split("/")[1:]
            place = content
            for parent in parents:
                place = place.setdefault(parent, {})
            place[last] = value
        save(workspace.root / file, content)

    return edit


def drop(file: str, *pointers: str) -> Edit:
    """Take places out of a file; each must be there."""

    def edit(workspace: Workspace) -> None:
        content = read(workspace.root / file)
        for pointer in pointers:
            *parents, last = pointer.split("/")[1:]
            place = content
            for parent in parents:
                place = place[parent]
            del place[last]
        save(workspace.root / file, content)

    return edit


def text(file: str, change: Callable[[str], str]) -> Edit:
    """Change a file's text; a file that isn't there is empty."""

    def edit(workspace: Workspace) -> None:
        path = workspace.root / file
        before = path.read_bytes().decode() if path.exists() else ""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(change(before).encode())

    return edit


def remove(path: str) -> Edit:
    """Delete a file or a folder."""

    def edit(workspace: Workspace) -> None:
        target = workspace.root / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()

    return edit
