"""What a drill does to the good release, and what should come of it. The catalogue is made of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from support.workspace import Workspace

Edit = Callable[[Workspace], None]
Expected = Literal["refused", "deleted", "none", "operational", "query", "in-place", "copy", "embed"]
"""The class that `turnout plan` gives the change; `refused` if `turnout lock` already says no."""
Base = Literal["local", "hosted"]


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """One change to the good release.

    `hurts` says what a harmful one does to users, and is empty for a harmless one. `caught` is where a harmful one
    should be stopped: a step of the gate, for `validate` with the rule. `canary` says why one that is missed can only
    be found with real traffic. `variant` names another export of the model that the change goes to (see `variants`).
    """

    name: str
    what: str
    edits: tuple[Edit, ...]
    change: Expected
    hurts: str = ""
    caught: str = ""
    canary: str = ""
    variant: str = ""
    base: Base = "local"

    @property
    def harmful(self) -> bool:
        """Whether users are hurt if it goes through."""
        return bool(self.hurts)

    def apply(self, workspace: Workspace) -> None:
        """Change the working tree."""
        for edit in self.edits:
            edit(workspace)


COST = ("refused", "deleted", "none", "operational", "query", "in-place", "copy", "embed")
"""Classes by what a drill of them takes, the shortest first."""


def in_order(mutations: list[Mutation]) -> list[Mutation]:
    """The cheap ones first, harmful and harmless in turn: a drill that is stopped early still tells something."""
    ordered: list[Mutation] = []
    for change in COST:
        sides = [
            [each for each in mutations if each.change == change and each.harmful is side] for side in (True, False)
        ]
        while any(sides):
            ordered += [side.pop(0) for side in sides if side]
    return ordered
