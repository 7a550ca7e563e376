"""A Dockerfile as its stages, for tests that hold one against rules."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """One FROM and what follows it: the base as written, and (instruction, the rest of its line)."""

    name: str
    base: str
    instructions: tuple[tuple[str, str], ...]

    def arguments(self, instruction: str) -> list[list[str]]:
        """The words of each such instruction."""
        return [rest.split() for name, rest in self.instructions if name == instruction]

    def listed(self, instruction: str) -> list[str]:
        """The list of an instruction in JSON form."""
        (rest,) = [rest for name, rest in self.instructions if name == instruction]
        words: list[str] = json.loads(rest)
        return words


def stages(text: str) -> dict[str, Stage]:
    """The stages of a Dockerfile by name, in order. Every stage must have one."""
    joined = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")).replace("\\\n", " ")
    found: list[tuple[str, str, list[tuple[str, str]]]] = []
    for line in filter(str.strip, joined.splitlines()):
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            base, _, name = rest.split()
            found.append((name, base, []))
        else:
            found[-1][2].append((instruction, rest.strip()))
    return {name: Stage(name, base, tuple(lines)) for name, base, lines in found}
