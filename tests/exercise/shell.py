"""Runs blocks of the runbook as a person would paste them: in one shell that went through the first page.

The cluster's namespace is entered by the caller. The first page is gone through once; every block then gets a shell of
its own, so that one that fails spoils no other. What a block printed is kept in a file beside the summary.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from exercise.runbook import Block
from turnout.errors import EnvironmentProblem

LIMIT_S = 240.0
FINDINGS = ("turnout status",)
"""Commands whose exit code 1 says that something is wrong, which on-call knows already."""


@dataclass(frozen=True)
class Ran:
    """One block that was run. `failed` are its commands that failed, each with its exit code before it."""

    entry: str
    text: str
    seconds: float
    failed: tuple[str, ...]


class Shell:
    """Runs blocks with the variables of this world.

    Args:
        preamble: the shell text before each block.
        variables: in place of what a person fills in.
        folder: the checkout that a person stands in.
        log: a file for what is printed.
    """

    def __init__(self, preamble: str, variables: Mapping[str, str], folder: Path, log: Path) -> None:
        self._variables, self._folder, self._log = variables, folder, log
        self._lock = threading.Lock()
        self.ran: list[Ran] = []
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("")
        self._begun = self._begin(preamble)

    def _begin(self, preamble: str) -> str:
        """Go through the first page once; the shell text that leads every block to where it led.

        Raises:
            EnvironmentProblem: a command of it failed.
        """
        text = f"set -e -o pipefail\n{{\n{preamble}\n}} > /dev/null\ndeclare -x\ndeclare -f\n"
        printed, code = self._bash(text, {**os.environ, **self._variables})
        if code:
            raise EnvironmentProblem(printed[-1500:], where="the first page of the runbook")
        return printed

    def run(self, entry: str, block: Block, **variables: str) -> Ran:
        """Run one block; `variables` are added for it. Never raises: what failed is in what it gives."""
        began = time.monotonic()
        with tempfile.NamedTemporaryFile("r", suffix=".failed") as failures:
            env = {**os.environ, **self._variables, **variables, "FAILURES": failures.name}
            printed, code = self._bash(script(self._begun, variables, block), env)
            failed = told(failures.read())
        if code not in (0, 1) and not failed:
            failed = (f"{code} the whole block",)
        ran = Ran(entry, block.text, round(time.monotonic() - began, 1), failed)
        with self._lock:
            self.ran.append(ran)
            with self._log.open("a") as log:
                log.write(f"\n## {entry}{': FAILED ' + '; '.join(failed) if failed else ''}\n$ {block.text}{printed}\n")
        return ran

    def _bash(self, text: str, env: Mapping[str, str]) -> tuple[str, int]:
        try:
            done = subprocess.run(
                ["bash", "-c", text],
                cwd=self._folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=LIMIT_S,
                text=True,
                errors="replace",
            )
        except subprocess.TimeoutExpired:
            return f"not over after {LIMIT_S:.0f} s", 124
        return done.stdout, done.returncode


def script(begun: str, variables: Mapping[str, str], block: Block) -> str:
    """A shell text that goes on after a failure, as a person does, and writes down what failed."""
    trap = 'set -E -o pipefail\ntrap \'echo "$? $BASH_COMMAND" >> "$FAILURES"\' ERR\n'
    own = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    return f"{begun}\n{own}{trap}{block.text}"


def told(failures: str) -> tuple[str, ...]:
    """The commands that failed, without those whose exit code 1 is an answer."""
    lines = (line for line in failures.splitlines() if line)
    return tuple(line for line in lines if not any(line.startswith(f"1 {command}") for command in FINDINGS))
