"""Artifact content as YAML with its questions as comments. Pure; called by `draft`.

Written by hand and not by a dumper: none of them writes comments, and these files are made to be read and edited.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from turnout.adopt.questions import MARK, Ask, Chosen, Question
from turnout.release.findings import Path, pointer

# Words that no reader of YAML takes for anything but text.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.@-]*(/[A-Za-z0-9_.-]+)*")
_OTHER_THAN_TEXT = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


def render(head: str, content: dict[str, Any]) -> str:
    """The text of a file; `head` becomes its first comment."""
    return "\n".join([*(f"# {line}" for line in head.splitlines()), *_lines(content, "")]) + "\n"


def _lines(content: dict[str, Any], indent: str) -> Iterator[str]:
    for name, value in content.items():
        key = f"{indent}{_text(name)}:"
        match value:
            case dict():
                yield key
                yield from _lines(value, f"{indent}  ")
            case Ask(question=question):
                yield f"{key}  # {MARK}: {question}"
            case Chosen(value=chosen, why=why):
                yield f"{key} {_scalar(chosen)}  # {why}"
            case _:
                yield f"{key} {_scalar(value)}"


def _scalar(value: Any) -> str:
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(value: str) -> str:
    plain = _PLAIN.fullmatch(value) and value.lower() not in _OTHER_THAN_TEXT
    return value if plain else json.dumps(value)


def questions(file: str, content: dict[str, Any], path: Path = ()) -> Iterator[Question]:
    """What is asked in a file, in its order."""
    for name, value in content.items():
        inner = (*path, name)
        if isinstance(value, dict):
            yield from questions(file, value, inner)
        elif isinstance(value, Ask):
            yield Question(file=file, pointer=pointer(inner), ask=value.question, path=inner, stand_in=value.stand_in)
