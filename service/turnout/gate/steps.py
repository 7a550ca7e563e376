"""What the gate needs from outside, as one value, and what it tells while it works.

The command line makes it from its settings; tests make it of small fakes. Each step gives a value or raises.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from turnout.cost.result import Cost
from turnout.gate.result import Step
from turnout.plan import Plan, Refusal
from turnout.rehearsal.result import Rehearsal
from turnout.release.artifacts import Policy, Release
from turnout.release.checking import Checked


@dataclass(frozen=True)
class Began:
    """A step of a collection begins."""

    collection: str
    step: Step


@dataclass(frozen=True)
class Ended:
    """A step of a collection is done, after `seconds`; `outcome` is one line for a person."""

    collection: str
    step: Step
    seconds: float
    outcome: str


Event = Began | Ended


@dataclass(frozen=True)
class Costed:
    """What a change costs, which rules that breaks, and which of those an override lifts."""

    cost: Cost
    refusals: tuple[Refusal, ...] = ()
    lifted: tuple[Refusal, ...] = ()


@dataclass(frozen=True)
class Steps:
    """The steps themselves. Each may raise any `TurnoutError`; `base` is None for a new collection.

    `validate` reads the working tree. The last argument of `plan` and `cost` holds the names of rules that overrides
    allow to break today. `rehearse` is called last, and only if nothing stands against the change by then.
    """

    validate: Callable[[str], Checked]
    plan: Callable[[Release | None, Release, Collection[str]], Plan]
    cost: Callable[[Release | None, Release, Plan, Collection[str]], Costed]
    rehearse: Callable[[Release | None, Release], Rehearsal]
    listen: Callable[[Event], None]
    crashed: Callable[[Exception], None]
    """Told of a mistake in turnout itself, so that somebody can report it."""
    policy: Policy
    """What the change is held against: as strict as the base's policy in every point."""
