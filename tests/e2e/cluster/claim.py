"""One cluster on a machine at a time: who has it, and where its state lies, also after that program was killed.

A file lock says who has it: the kernel lets go of it when the process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from e2e.cluster.layout import CLAIM_FILE
from turnout.errors import Refused


class Claim:
    """The machine's cluster, from `take` to `release` or to the end of this process."""

    def __init__(self, path: Path = CLAIM_FILE) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self) -> None:
        """Have the machine to ourselves.

        Raises:
            Refused: a process that still lives has it.
        """
        if self._descriptor is not None:
            return
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            os.close(descriptor)
            raise Refused(
                "another process has the machine's only end-to-end cluster",
                where=str(self._path),
                remedy="Wait for it to end.",
            ) from problem
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None

    def note(self, run: Path, *, kept: bool) -> None:
        """Write down whose state is where, and whether the cluster is meant to outlive us."""
        self._path.write_text(json.dumps({"run": str(run), "kept": kept}))

    def forget(self) -> None:
        """Nothing is left of any cluster."""
        self._path.write_text("")

    def run_folder(self) -> Path | None:
        """The run folder of the cluster that was started last and not taken down."""
        return Path(str(self._read()["run"])) if self._read() else None

    @property
    def kept(self) -> bool:
        return bool(self._read().get("kept"))

    def _read(self) -> dict[str, object]:
        try:
            text = self._path.read_text()
        except FileNotFoundError:
            return {}
        record: dict[str, object] = json.loads(text) if text else {}
        return record
