"""What a story is: a sentence each for given, when and then, and a function that plays it on the world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from e2e.world import World

Figures = dict[str, Any]


@dataclass(frozen=True)
class Story:
    """One story. `play` returns its figures and raises where something else happens than `then` says.

    Before it the world is healthy on some good release, and after it again. `counted` is false for what only prepares.
    """

    name: str
    given: str
    when: str
    then: str
    play: Callable[[World], Figures]
    counted: bool = True
