"""The result of `turnout check`, as values: printed, written as JSON, drawn by `gate.report`, compared by drills."""

from __future__ import annotations

from typing import Literal

import msgspec

from turnout.cost.result import Cost
from turnout.plan import Plan
from turnout.rehearsal.result import Rehearsal
from turnout.verify import Verdict

Step = Literal["validate", "plan", "policy", "cost", "rehearsal", "environment"]


class GateFinding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that stands against a change.

    `verdict` is `fail` or `inconclusive` (both stop the change), or `pass` for a note and for a rule that an override
    lifts (`lifted_by` then holds its reason). `where` is a place in a file, a JSON pointer or an index.
    """

    step: Step
    rule: str
    verdict: Verdict
    where: str
    what: str
    remedy: str
    lifted_by: str = ""


class CollectionReport(msgspec.Struct, frozen=True, kw_only=True):
    """One changed collection. What a step didn't reach is None; a finding says why."""

    collection: str
    change: str
    """The class of the change, or `new`, `deleted`, `broken`."""
    base_id: str | None
    head_id: str | None
    verdict: Verdict
    findings: tuple[GateFinding, ...]
    plan: Plan | None
    cost: Cost | None
    rehearsal: Rehearsal | None
    seconds: dict[str, float]


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """All collections that a change touches. No collection changed: verdict pass, and it says so."""

    base_ref: str
    base_commit: str
    head: str
    """The commit, with `+ working tree` if files differ from it."""
    turnout: str
    verdict: Verdict
    collections: tuple[CollectionReport, ...]
    seconds: float
    findings: tuple[GateFinding, ...] = ()
    """What belongs to no single collection, such as a change of policy.yaml."""
