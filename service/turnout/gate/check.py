"""All collections that a change touches, one after the other, and one verdict for all. Called by the verb `check`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from turnout import __version__
from turnout.gate.findings import note, worst
from turnout.gate.judge import judge
from turnout.gate.result import CheckReport, GateFinding
from turnout.gate.scope import Scope, Subject
from turnout.gate.steps import Steps
from turnout.release.policy import POLICY_FILE


def check(
    scope: Scope, subjects: Sequence[Subject], root: Path, steps: Steps, *, beside: Sequence[GateFinding] = ()
) -> CheckReport:
    """Judge `subjects` of a scope. No subject is a pass: there is nothing that could be wrong.

    Args:
        beside: findings that belong to no collection, of the policy's file for example.
    """
    began = time.monotonic()
    collections = tuple(judge(subject, scope, root, steps) for subject in subjects)
    findings = (*beside, *_policy_changed(scope))
    return CheckReport(
        base_ref=scope.base_ref,
        base_commit=scope.base_commit,
        head=scope.head,
        turnout=__version__,
        verdict=worst([*(each.verdict for each in collections), *(each.verdict for each in findings)]),
        collections=collections,
        seconds=time.monotonic() - began,
        findings=findings,
    )


def _policy_changed(scope: Scope) -> tuple[GateFinding, ...]:
    if not scope.policy_changed:
        return ()
    what = "the policy itself changes; this change was held against the stricter of the old and the new one"
    remedy = "an owner of the policy has to agree; the new policy holds for changes that come after it"
    return (note("policy", "policy-changed", where=POLICY_FILE, what=what, remedy=remedy),)
