"""The edits that the demo's engineer makes: the two releases, and three that must never serve."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec

from support.workspace import Workspace
from turnout.release.artifacts import Model

STATIC_DIMS = 256


def _set_dims(workspace: Workspace, dims: int) -> None:
    mapping = json.loads(workspace.mapping.read_text())
    mapping["mappings"]["properties"]["passages"]["properties"]["vector"]["dims"] = dims
    workspace.mapping.write_text(json.dumps(mapping, indent=2) + "\n")


def release_a(workspace: Workspace, static: Model) -> None:
    """The static model: mean of token vectors, no transformer at run time."""
    workspace.edit("model.yaml", msgspec.to_builtins(static))
    _set_dims(workspace, static.dims)


def release_b(workspace: Workspace, source: Path) -> None:
    """The model and the mapping as they are committed in the project: all-MiniLM-L6-v2, 384 dims."""
    for file in (workspace.pipelines / "model.yaml", workspace.mapping):
        shutil.copy(source / file.relative_to(workspace.root), file)


def wrong_dims(workspace: Workspace) -> None:
    """A model of other dims, and the mapping forgotten."""
    workspace.edit("model.yaml", {"dims": 768})


def changed_pooling(models: Path, tampered: Path, weights: str) -> None:
    """A copy of the model store in which one model's own pooling file says something else. Same weights, same dims."""
    shutil.rmtree(tampered, ignore_errors=True)
    shutil.copytree(models, tampered, symlinks=True)
    pooling = tampered / weights.removeprefix("sha256:") / "1_Pooling" / "config.json"
    config = json.loads(pooling.read_text())
    config |= {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}
    pooling.write_text(json.dumps(config, indent=2))


def lost_text(workspace: Workspace) -> None:
    """One passage of eight tokens for each document; the rest of the text is dropped."""
    workspace.edit("pipeline.yaml", {"chunk": {"size": 8, "overlap": 0, "max_passages": 1, "on_overflow": "truncate"}})


def release_c(workspace: Workspace) -> None:
    """The graph of vectors with twice as many links: a new view, but the same vectors, so nothing is embedded again."""
    mapping = json.loads(workspace.mapping.read_text())
    mapping["mappings"]["properties"]["passages"]["properties"]["vector"]["index_options"]["m"] = 32
    workspace.mapping.write_text(json.dumps(mapping, indent=2) + "\n")
