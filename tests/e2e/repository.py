"""The Git repository that Argo CD syncs, and a person's checkout of it: edits, `turnout lock`, commits, pushes.

The repository holds the project's own pipelines, schemas, manifests and argocd, and one more environment: the overlay
`e2e`, which is the overlay `ephemeral` with the addresses, sizes and images of the stories.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from e2e.overlay import ENVIRONMENT, Addresses, set_tag, write_overlay
from support.workspace import COLLECTION, Workspace
from turnout.release.artifacts import Release
from turnout.release.fingerprint import decode

BRANCH = "main"
OWNER_NAME = "turnout/e2e"


@dataclass(frozen=True)
class Commit:
    """What was pushed. `at` is when, in monotonic seconds; `release` what its release.json holds, None if not one."""

    sha: str
    release: Release | None
    at: float


class Repository:
    """A bare repository, and a checkout of it with the collection's artifacts."""

    def __init__(self, source: Path, folder: Path, env: dict[str, str], *, clock: Callable[[], float]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.bare = folder / "repository.git"
        self._clock = clock
        self.workspace = Workspace.create(source, folder / "checkout", env)
        for name in ("manifests", "argocd"):
            shutil.copytree(source / name, self.workspace.root / name)
        collection = source / "pipelines" / COLLECTION / "kustomization.yaml"
        shutil.copy(collection, self.workspace.pipelines / "kustomization.yaml")
        self.releases: dict[str, Release] = {}

    @property
    def url(self) -> str:
        """As Argo CD takes it."""
        return f"file://{self.bare}"

    @property
    def overlay(self) -> Path:
        """The folder that is synced."""
        return self.workspace.root / "manifests" / "overlays" / ENVIRONMENT

    def begin(self, addresses: Addresses) -> Commit:
        """The first commit and the bare repository; the artifacts must be locked."""
        write_overlay(self.overlay, addresses)
        self.workspace.commit("Begin")
        done = ["git", "clone", "--quiet", "--bare", str(self.workspace.root), str(self.bare)]
        subprocess.run(done, check=True, capture_output=True)
        self.workspace.git("remote", "add", "origin", str(self.bare))
        return self._pushed()

    def lock(self) -> None:
        """Write release.json from the artifacts as they are."""
        self.workspace.answer("lock", COLLECTION)

    def push(self, message: str) -> Commit:
        """Commit everything and push it."""
        self.workspace.commit(message)
        return self._pushed()

    def use_image(self, reference: str) -> None:
        """Let the overlay name another image of ours."""
        set_tag(self.overlay, reference)

    def revert(self, commit: Commit) -> Commit:
        """Take one commit back, as a person would, and push that."""
        self.workspace.git("revert", "--no-edit", commit.sha)
        return self._pushed()

    def restore(self, good: Commit) -> Commit | None:
        """Make everything as it was with `good`, and push that; None if it is so already."""
        self.pull()
        self.workspace.git("read-tree", "--reset", "-u", good.sha)
        if not self.workspace.git("status", "--porcelain"):
            return None
        return self.push(f"Go back to {good.sha[:12]}")

    def pull(self) -> Commit:
        """Take over what was merged on the server."""
        self.workspace.git("fetch", "--quiet", "origin", BRANCH)
        self.workspace.git("reset", "--quiet", "--hard", "FETCH_HEAD")
        return self._here()

    def _pushed(self) -> Commit:
        self.workspace.git("push", "--quiet", "origin", f"HEAD:{BRANCH}")
        return self._here()

    def _here(self) -> Commit:
        release = self._release()
        if release is not None:
            self.releases[release.id] = release
        return Commit(self.workspace.git("rev-parse", "HEAD"), release, self._clock())

    def _release(self) -> Release | None:
        try:
            return decode((self.workspace.pipelines / "release.json").read_bytes())
        except msgspec.MsgspecError:  # a story may commit one that isn't
            return None
