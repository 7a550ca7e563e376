"""What a fault is: how the world is broken, which alerts must follow, and which commands of the runbook mend it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from e2e.world import World

Part = Literal["elasticsearch", "rollout", "alias", "former", "pods", "controller", "argocd"]
"""What faults can have for themselves, or rely on: the server, the right to commit, the alias, the former view with its
follower, the pods that serve, the controller, and Argo CD."""


class Changes(Protocol):
    """Runs a block of the runbook that changes something: of this entry, the one that holds these words."""

    def __call__(self, entry: str, words: str, **variables: str) -> None: ...


@dataclass(frozen=True)
class Scene:
    """What a fault gets: the world, and the runbook's hands."""

    world: World
    change: Changes


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        alerts: for each alert that must follow the seconds from the fault until its expression is true at the latest:
            scrapes, windows, thresholds, looks of the controller. Its promise adds `for` and two evaluations.
        breaks: enters with the fault and gives its moment (monotonic seconds); in between the alerts are waited for; it
            leaves with everything as it was.
        also: entries whose looking commands are run meanwhile as well, though their alerts take longer than the fault.
        mends: runs the runbook's changing commands, once the alerts are there.
        outlast: those of `alerts` that their windows hold for longer than an exercise; rule tests show their end.
        needs: parts that no other fault may rely on meanwhile; `uses`: those that none may break.
    """

    name: str
    what: str
    alerts: Mapping[str, float]
    breaks: Callable[[Scene], AbstractContextManager[float]]
    outlast: frozenset[str] = frozenset()
    needs: frozenset[Part] = frozenset()
    uses: frozenset[Part] = frozenset()
    also: tuple[str, ...] = ()
    mends: Callable[[Scene], None] = lambda _: None

    def __hash__(self) -> int:
        return hash(self.name)
