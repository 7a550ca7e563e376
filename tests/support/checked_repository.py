"""A real Git repository with toy collections, for tests of the pull-request gate: branch `main` is the base."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from support.artifact_files import COLLECTION, OVERRIDES, TEXTS, locked

PLAIN = {file: text for file, text in TEXTS.items() if file != OVERRIDES}
"""The artifacts without the example's override, whose day is fixed."""


class Repository:
    """A checkout on the branch `work`, which left `main` at a commit with one locked collection."""

    def __init__(self, root: Path, texts: Mapping[str, str] = PLAIN) -> None:
        self.root = root
        self.texts = dict(texts)
        self.git("init", "-q", "-b", "main")
        (root / ".gitignore").write_text("build/\n")
        self.write(locked(self.texts))
        self.commit()
        self.git("checkout", "-q", "-b", "work")

    def git(self, *arguments: str) -> str:
        """Run git; its output."""
        who = ("-c", "user.name=T", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false")
        command = ["git", "-C", str(self.root), *who, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def write(self, texts: Mapping[str, str]) -> None:
        """Put files into the working tree."""
        for file, text in texts.items():
            (self.root / file).parent.mkdir(parents=True, exist_ok=True)
            (self.root / file).write_text(text)

    def commit(self) -> None:
        """Commit everything."""
        self.git("add", "--all")
        self.git("commit", "-q", "--allow-empty", "-m", "x")

    def change(self, file: str, edits: Mapping[str, str], *, lock: bool = True) -> None:
        """Edit one artifact of the collection in the working tree, and lock."""
        for before, after in edits.items():
            assert before in self.texts[file], before
            self.texts[file] = self.texts[file].replace(before, after)
        self.write(locked(self.texts) if lock else self.texts)

    def to_base(self) -> None:
        """Make what lies in the working tree the base."""
        self.commit()
        self.git("branch", "-q", "-f", "main")

    def move(self, to: str, collection: str = COLLECTION) -> None:
        """Call the collection otherwise, and lock it by its new name."""
        for folder in ("schemas", "pipelines"):
            shutil.move(self.root / folder / collection, self.root / folder / to)

    def delete(self, collection: str = COLLECTION) -> None:
        """Take the collection away."""
        for folder in ("schemas", "pipelines"):
            shutil.rmtree(self.root / folder / collection)
