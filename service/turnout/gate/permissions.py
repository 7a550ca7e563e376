"""Refusals, and the overrides that lift them: which are used, which are new, which are for nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from turnout.gate import findings as say
from turnout.gate.base import base_overrides, base_quarantine
from turnout.gate.findings import of_validation
from turnout.gate.places import place_of
from turnout.gate.result import GateFinding, Step
from turnout.plan import Plan, Refusal
from turnout.plan.refusals import BACKFILL_TOO_LONG, COST_ABOVE_BUDGET, REPLACES_ADOPTED
from turnout.release.artifacts import Override, QuarantinedRelease, Release
from turnout.release.checking import Checked, artifact_file
from turnout.release.overridable import OVERRIDABLE, POLICY, REHEARSAL
from turnout.release.quarantine import QUARANTINED

# Without a cluster nobody knows how many documents there are, nor what is live.
_NEEDS_DOCUMENTS = frozenset({COST_ABOVE_BUDGET, BACKFILL_TOO_LONG})
_NEEDS_CLUSTER = frozenset({REPLACES_ADOPTED})


def of_refusals(
    step: Step, refused: Iterable[Refusal], lifted: Iterable[Refusal], overrides: Sequence[Override], *, collection: str
) -> Iterator[GateFinding]:
    """One finding for each rule that says no, and one for each that would but for an override."""
    for refusal in refused:
        where = place_of(refusal.rule, collection)
        yield say.fail(_step(step, refusal), refusal.rule, where=where, what=refusal.what, remedy=refusal.remedy)
    for refusal in lifted:
        where = place_of(refusal.rule, collection)
        found = say.note(_step(step, refusal), refusal.rule, where=where, what=refusal.what, remedy=refusal.remedy)
        yield msgspec.structs.replace(found, lifted_by=_reason(refusal.rule, overrides))


def unused_overrides(checked: Checked, used: Collection[str], *, rules: Collection[str]) -> Iterator[GateFinding]:
    """A permission that nothing needs waits for the change that should have been refused. Only `rules` are told of."""
    asked = {each.rule for each in given(checked)}
    for finding in checked.unused_overrides({*used, *(asked - set(rules))}):
        yield msgspec.structs.replace(of_validation(finding), step="policy")


def seen_by(plan: Plan) -> frozenset[str]:
    """The rules that could have refused before the rehearsal: of the others nobody knows whether they are broken."""
    unseen = _NEEDS_CLUSTER | (_NEEDS_DOCUMENTS if plan.estimate.cost is None else frozenset())
    return OVERRIDABLE - REHEARSAL - unseen


def added_overrides(now: Sequence[Override], before: Sequence[Override], *, where: str) -> Iterator[GateFinding]:
    """A permission that the change gives itself counts, but an owner must see it."""
    for override in now:
        if override not in before:
            what = f"this change permits itself to break {override.rule} until {override.expires}: {override.reason}"
            remedy = "an owner of the collection has to agree to this permission, not only to the change"
            yield say.note("policy", "override-added", where=where, what=what, remedy=remedy)


def left_quarantine(entry: QuarantinedRelease, *, where: str) -> GateFinding:
    """A release that the change lets back in. It stops nothing by itself: the next change could bring the release."""
    what = f"this change takes {entry.release} out of quarantine, where it was since {entry.since}: {entry.reason}"
    remedy = "an owner of the collection has to agree: a later change may bring that release back"
    return say.note("policy", "quarantine-left", where=where, what=what, remedy=remedy)


def of_base(checked: Checked, head: Release, *, root: Path, commit: str) -> Iterator[GateFinding]:
    """What the change allows itself, and what the base has forbidden it.

    Raises:
        BadInput, EnvironmentProblem: git can't read the base.
    """
    collection = head.collection
    before = base_overrides(root, commit, collection)
    yield from added_overrides(given(checked), before, where=artifact_file(collection, "overrides.yaml"))
    kept = {each.release for each in checked.quarantine.releases} if checked.quarantine else set()
    for entry in base_quarantine(root, commit, collection):
        if entry.release not in kept:
            yield left_quarantine(entry, where=artifact_file(collection, "quarantine.yaml"))
        if entry.release == head.id:
            what = f"the base holds {entry.release} in quarantine since {entry.since}: {entry.reason}"
            remedy = "mend what it failed at; taking it out of quarantine.yaml in the same change doesn't help"
            where = artifact_file(collection, "release.json")
            yield say.fail("policy", QUARANTINED, where=where, what=what, remedy=remedy)


def given(checked: Checked) -> tuple[Override, ...]:
    """The permissions of the working tree."""
    return tuple(checked.overrides.overrides) if checked.overrides else ()


def _step(step: Step, refusal: Refusal) -> Step:
    """The plan says what policy refuses, too."""
    return "policy" if refusal.rule in POLICY else step


def _reason(rule: str, overrides: Sequence[Override]) -> str:
    for override in overrides:
        if override.rule == rule:
            return f"{override.reason} (until {override.expires})"
    return "an override"
