"""Write a draft into the root, whole or not at all. Called by the `adopt` verb."""

from __future__ import annotations

import shutil
from pathlib import Path

from turnout.adopt.draft import Draft
from turnout.errors import EnvironmentProblem, Refused


def write(root: Path, made: Draft) -> tuple[str, ...]:
    """Write the files; their paths from the root.

    Raises:
        Refused: the collection has a folder already; nothing of it is touched.
        EnvironmentProblem: the folders can't be written.
    """
    folders = sorted({(root / file).parent for file in made.files})
    for folder in folders:
        if folder.exists() or folder.is_symlink():
            raise Refused(
                "the folder exists, and adopting overwrites nothing",
                where=str(folder),
                remedy="choose another name with --collection, or move the folder away",
            )
    begun: list[Path] = []
    try:
        for folder in folders:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir()
            begun.append(folder)
        for file, text in made.files.items():
            (root / file).write_text(text, encoding="utf-8")
    except BaseException as error:  # an interrupt too: half a collection would be in the way of the next try
        for folder in begun:
            shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
            raise EnvironmentProblem(reason, where=str(root), remedy="make the root writable") from error
        raise
    return tuple(made.files)
