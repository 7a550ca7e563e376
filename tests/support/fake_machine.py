"""A machine whose programs, memory and disk a test decides, for the local node's unit tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from turnout.elastic.node.machine import Completed, Machine, Tell, silent

GIB = 1024**3


class FakeMachine(Machine):
    """`answers` maps the start of a command line to what the program answers; other programs fail."""

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        super().__init__(env or {})
        self.programs: dict[str, str] = {}
        self.answers: dict[str, Completed] = {}
        self.memory: int | None = 8 * GIB
        self.disk = 50 * GIB
        self.jdks: list[Path] = []
        self.ran: list[str] = []
        self.launch_code = 0

    def is_root(self) -> bool:
        return False

    def which(self, program: str) -> str | None:
        return self.programs.get(program)

    def run(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        timeout_s: float = 60.0,
        on_output: Tell = silent,
    ) -> Completed:
        line = " ".join(arguments)
        self.ran.append(line)
        for start, answer in self.answers.items():
            if line.startswith(start):
                return answer
        return Completed(1, "no such thing")

    def launch(
        self, arguments: Sequence[str], *, env: Mapping[str, str], cwd: Path, output: Path, timeout_s: float
    ) -> int:
        self.ran.append(" ".join(arguments))
        output.write_text("the launcher's last words\n")
        return self.launch_code

    def available_memory(self) -> int | None:
        return self.memory

    def free_disk(self, folder: Path) -> int:
        return self.disk

    def jdk_folders(self) -> list[Path]:
        return self.jdks


def make_jdk(folder: Path, version: str, *, full: bool = True) -> Path:
    """A folder that looks like a JDK (or a runtime without a compiler)."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "java").write_text("")
    if full:
        (folder / "bin" / "javac").write_text("")
    (folder / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return folder
