"""A Git repository of its own for the commits of the demo and of the drills, and the `turnout` command inside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

COLLECTION = "python-docs"


class CommandFailed(Exception):
    """A `turnout` command ended with another exit code than its caller expects."""


@dataclass(frozen=True)
class Workspace:
    """A checkout with `schemas/` and `pipelines/` of one collection, and the environment of its commands."""

    root: Path
    env: Mapping[str, str]

    @classmethod
    def create(cls, source: Path, root: Path, env: Mapping[str, str]) -> Workspace:
        """Copy the collection's artifacts, and those of all collections, from `source` into a fresh repository."""
        shutil.rmtree(root, ignore_errors=True)
        for folder in ("schemas", "pipelines"):
            shutil.copytree(source / folder / COLLECTION, root / folder / COLLECTION)
        for file in (source / "pipelines").glob("*.yaml"):
            shutil.copy(file, root / "pipelines" / file.name)
        workspace = cls(root, {**os.environ, **env, "TURNOUT_ROOT": str(root)})
        workspace.git("init", "--quiet", "--initial-branch=main")
        workspace.git("config", "user.name", "turnout")
        workspace.git("config", "user.email", "turnout@localhost")
        workspace.git("commit", "--quiet", "--allow-empty", "--message", "Begin")
        return workspace

    @property
    def pipelines(self) -> Path:
        """The folder of the collection's YAML files."""
        return self.root / "pipelines" / COLLECTION

    @property
    def mapping(self) -> Path:
        """The collection's mapping.json."""
        return self.root / "schemas" / COLLECTION / "mapping.json"

    def git(self, *arguments: str) -> str:
        """Run git; its output."""
        done = subprocess.run(["git", *arguments], cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def edit(self, name: str, changes: Mapping[str, object]) -> None:
        """Lay `changes` (dotted path -> value) over one of the collection's YAML files."""
        path = self.pipelines / name
        content = yaml.safe_load(path.read_text())
        for dotted, value in changes.items():
            *parents, last = dotted.split(".")
            place = content
            for parent in parents:
                place = place[parent]
            place[last] = value
        path.write_text(yaml.safe_dump(content, sort_keys=False))

    def command(self, *arguments: str) -> list[str]:
        """The argument list of a `turnout` command with this interpreter."""
        return [sys.executable, "-m", "turnout", *arguments]

    def turnout(self, *arguments: str, expect: int = 0, env: Mapping[str, str] | None = None) -> None:
        """Run a `turnout` command in the foreground, its output shown as it comes.

        Raises:
            CommandFailed: its exit code isn't `expect`.
        """
        print(f"\n$ turnout {' '.join(arguments)}", flush=True)
        done = subprocess.run(self.command(*arguments), cwd=self.root, env={**self.env, **(env or {})}, check=False)
        if done.returncode != expect:
            raise CommandFailed(f"turnout {' '.join(arguments)}: exit code {done.returncode}, expected {expect}")

    def answer(self, *arguments: str) -> str:
        """Run a `turnout` command quietly; its standard output."""
        done = subprocess.run(
            self.command(*arguments), cwd=self.root, env=dict(self.env), check=True, capture_output=True, text=True
        )
        return done.stdout
