"""Folders appear in the store whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def making(store: Path) -> Iterator[Path]:
    """An empty folder on the store's file system, removed at the end unless `keep` moved it away."""
    store.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".making-", dir=store))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def keep(made: Path, folder: Path) -> Path:
    """Move what was made to its place; what lay there (an older build, or that of a faster process) goes."""
    # The service may run as another user than the one who prepared; safetensors writes for its own user only.
    made.chmod(0o755)
    for path in made.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    if folder.exists():
        aside = Path(tempfile.mkdtemp(prefix=".old-", dir=folder.parent))
        folder.rename(aside / "folder")
        made.rename(folder)
        shutil.rmtree(aside, ignore_errors=True)
    else:
        made.rename(folder)
    return folder
