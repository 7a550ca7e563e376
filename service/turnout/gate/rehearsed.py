"""What a rehearsal says, as findings. Its numbers are in the report; a finding is what stops the change, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from turnout.evaluation.deciding import decide_metrics, too_little_judged
from turnout.gate import findings as say
from turnout.gate.result import GateFinding
from turnout.rehearsal.result import Reason, Rehearsal
from turnout.release.artifacts import Gates, Override
from turnout.release.overridable import REHEARSAL

_SLICE = "slice"


def of_rehearsal(
    rehearsal: Rehearsal, gates: Gates, overrides: Sequence[Override], *, where: str
) -> tuple[GateFinding, ...]:
    """One finding for each reason; an override lifts one that failed, never one that lacks evidence."""
    found: list[GateFinding] = []
    for reason in rehearsal.found:
        allowed = next((each for each in overrides if each.rule == reason.rule), None)
        finding = _finding(reason, where)
        if allowed is None or reason.rule not in REHEARSAL or reason.verdict != "fail":
            found.append(finding)
            continue
        lifted_by = f"{allowed.reason} (until {allowed.expires})"
        found.append(msgspec.structs.replace(finding, verdict="pass", lifted_by=lifted_by))
        if reason.rule == _SLICE:
            found += (_finding(each, where) for each in _behind_slice(rehearsal, gates))
    if rehearsal.verdict != "pass" and not rehearsal.found:
        what = "the rehearsal didn't pass and gave no reason"
        remedy = "look at its numbers in the report, and report this"
        found.append(say.unknown("rehearsal", "no-reason", where=where, what=what, remedy=remedy))
    return (*found, *_aged(rehearsal, where))


def _finding(reason: Reason, where: str) -> GateFinding:
    return GateFinding(
        step="rehearsal",
        rule=reason.rule,
        verdict=reason.verdict,
        where=where,
        what=reason.what,
        remedy=reason.remedy,
    )


def _behind_slice(rehearsal: Rehearsal, gates: Gates) -> Iterator[Reason]:
    """What a comparison would say but for its slices: a slice that fails is said before a lack of evidence."""
    comparison = rehearsal.comparison
    if comparison is None or not comparison.metrics:
        return
    verdict, what = decide_metrics(comparison.metrics, gates.verify.quality, slices=comparison.slices)
    unjudged = too_little_judged(comparison.judged_at_10_head, gates.rehearsed.min_judged, comparison.metric)
    if verdict == "pass" and unjudged:
        verdict, what = "inconclusive", unjudged
    if verdict != "pass":
        remedy = "an override of a slice doesn't lift this: judge more queries, or mend the change"
        yield Reason(rule="quality", verdict=verdict, what=what, remedy=remedy)


def _aged(rehearsal: Rehearsal, where: str) -> Iterator[GateFinding]:
    sample = rehearsal.sample
    if sample.used and (sample.changed or sample.missing):
        what = f"of {sample.listed} documents of the sample {sample.changed} have changed and {sample.missing} are gone"
        remedy = "draw the sample anew before its judgments are about others"
        yield say.note("rehearsal", "sample-aged", where=where, what=what, remedy=remedy)
