"""The upgrade path: from the base that is live in the space to the head, by the very stages that production will walk.

The mapping change is confirmed first. A head that its own verification refuses is compared all the same, because a
reviewer wants to know more than the first thing that went wrong.
"""

from __future__ import annotations

import msgspec
from elasticsearch import ApiError

from turnout import observed
from turnout.apply import apply
from turnout.confirm import Finding, confirm
from turnout.confirm.scratch import reason_of
from turnout.elastic.state import ReleaseRecord
from turnout.errors import Refused
from turnout.plan import Plan, explain, make_plan
from turnout.rehearsal.base import expect_change
from turnout.rehearsal.result import Reason
from turnout.rehearsal.workshop import Workshop
from turnout.release.artifacts import Release
from turnout.verify import Check, Report

_HARMLESS = "server-takes-it"
"""The one disagreement after which the plan can be walked: it is only dearer than it may need to be."""


class Upgraded(msgspec.Struct, frozen=True, kw_only=True):
    """How far the head came. `view` is None if there is none that can be compared with the base's."""

    plan: Plan
    lines: tuple[str, ...]
    confirmation: tuple[Finding, ...]
    checks: tuple[Check, ...] = ()
    view: str | None = None
    problem: Reason | None = None


def upgrade(shop: Workshop, base: Release | None, head: Release, stage_seconds: dict[str, float]) -> Upgraded:
    """Confirm, plan and walk.

    Raises:
        EnvironmentProblem: something around the head is missing; nothing is said about the head then.
    """
    seen = observed.observe(shop.reader, shop.names)
    # Policy and budget were judged before, on the real collection.
    plan = msgspec.structs.replace(make_plan(base, head, seen), refusals=())
    with shop.phase("confirm"):
        findings = confirm(shop.reader, shop.writer, base, head, plan, prefix=shop.space.prefix)
    reached = Upgraded(plan=plan, lines=explain(plan), confirmation=findings)
    if any(finding.rule != _HARMLESS for finding in findings):
        return reached
    with shop.phase("upgrade"):
        problem = _walk(shop, plan, head, stage_seconds)
    return _found(shop, head, reached, problem)


def _walk(shop: Workshop, plan: Plan, head: Release, stage_seconds: dict[str, float]) -> Reason | None:
    shop.reader.forget()
    expect_change(shop, plan)
    try:
        apply(plan, head, shop.context(stage_seconds))
    except Refused as error:
        return _stopped(error.what, error.remedy)
    except ApiError as error:
        if error.status_code not in (400, 500):
            raise
        return _stopped(f"the server refuses it: {reason_of(error)}", "correct mapping.json")
    return None


def _stopped(what: str, remedy: str) -> Reason:
    return Reason(rule="upgrade-refused", verdict="fail", what=f"the upgrade path stops: {what}", remedy=remedy)


def _found(shop: Workshop, head: Release, reached: Upgraded, problem: Reason | None) -> Upgraded:
    """With the report that the walk has left. A refusal that the report explains is not said twice."""
    record = shop.reader.state(shop.names, f"release:{head.collection}:{head.id}")
    if not isinstance(record, ReleaseRecord) or not record.report:
        view = record.view if isinstance(record, ReleaseRecord) and problem is None else None
        return msgspec.structs.replace(reached, view=view, problem=problem)
    report = msgspec.convert(record.report, Report)
    attested = report.check("attestation")
    explained = report.verdict != "pass"
    return msgspec.structs.replace(
        reached,
        checks=report.checks,
        # A view that another model filled finds nonsense: its ranking says nothing.
        view=record.view if attested is not None and attested.verdict == "pass" else None,
        problem=None if explained else problem,
    )
