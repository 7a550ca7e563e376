"""Where drills take place: a repository of their own with the good releases committed, a server, models."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import msgspec
import yaml

from drill.edits import MODEL
from drill.hosted import RATE_LIMIT, TO_HOSTED
from drill.mutation import Base, Mutation
from drill.outcome import Outcome
from drill.reading import from_findings, from_report, unclear
from drill.variants import copied_store, put_digest, variant
from support.workspace import COLLECTION, Workspace
from turnout.elastic.client import connect

MOST_SECONDS = 900
"""For one mutation; then it counts as unclear."""


class Stage:
    """The good releases and what is needed to judge a change of them."""

    def __init__(self, source: Path, folder: Path, env: dict[str, str]) -> None:
        self.folder = folder
        self.outcomes = folder / "outcomes.jsonl"
        self._store = copied_store(Path(env["TURNOUT_MODELS"]), folder / "models")
        env = {**env, "TURNOUT_MODELS": str(self._store), "HF_HUB_OFFLINE": "1"}
        self._workspace = Workspace.create(source, folder / "workspace", env)
        self._prefix = env["TURNOUT_INDEX_PREFIX"]
        self._variants: dict[str, str] = {}
        self._bases: dict[Base, str] = {"local": self._commit("main", "Release")}
        self._weights = yaml.safe_load((self._workspace.root / MODEL).read_text())["digests"]["weights"]
        self._workspace.git("checkout", "--quiet", "-b", "hosted")
        for edit in (*TO_HOSTED, RATE_LIMIT):
            edit(self._workspace)
        self._bases["hosted"] = self._commit("hosted", "Release with a hosted model")

    def _commit(self, branch: str, message: str) -> str:
        self._workspace.turnout("lock", COLLECTION)
        self._workspace.commit(message)
        return self._workspace.git("rev-parse", branch)

    def clear(self) -> None:
        """Delete what drills left on the server."""
        with connect(self._workspace.env["TURNOUT_ELASTICSEARCH_URL"]) as client:
            left = list(client.indices.get(index=f"{self._prefix}*", expand_wildcards="all"))
            if left:
                client.indices.delete(index=left)

    def drill(self, mutation: Mutation) -> Outcome:
        """Judge one mutation."""
        began = time.monotonic()
        self._mutate(mutation)
        try:
            outcome = self._refused(mutation) or self._checked(mutation)
        except subprocess.TimeoutExpired as error:
            outcome = unclear(mutation, f"not done after {error.timeout} s")
        return msgspec.structs.replace(outcome, seconds=round(time.monotonic() - began, 1))

    def _mutate(self, mutation: Mutation) -> None:
        branch = "main" if mutation.base == "local" else mutation.base
        self._workspace.git("checkout", "--quiet", "--force", branch)
        self._workspace.git("clean", "--quiet", "--force", "-d", "-x")
        mutation.apply(self._workspace)
        if mutation.variant:
            if mutation.variant not in self._variants:
                self._variants[mutation.variant] = variant(mutation.variant, self._weights, self._store)
            put_digest(self._workspace, self._variants[mutation.variant])

    def _refused(self, mutation: Mutation) -> Outcome | None:
        """What `turnout lock` has against it; an engineer sees that before there is a commit."""
        if self._run("lock", COLLECTION).returncode != 1:
            return None
        found = self._run("validate", COLLECTION, "--format", "json")
        return from_findings(mutation, found.stdout)

    def _checked(self, mutation: Mutation) -> Outcome:
        """What `turnout check` says, as on a pull request: of whatever changed."""
        out = self.folder / "reports" / mutation.name
        done = self._run("check", "--base", self._bases[mutation.base], "--out", str(out), seconds=MOST_SECONDS)
        (out / "output.txt").write_text(done.stdout + done.stderr)
        report = out / "report.json"
        if not report.exists():
            return unclear(mutation, f"exit code {done.returncode}: {done.stderr.strip()[-300:]}")
        return from_report(mutation, report.read_bytes())

    def _run(self, *arguments: str, seconds: int = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._workspace.command(*arguments),
            cwd=self._workspace.root,
            env=dict(self._workspace.env),
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
