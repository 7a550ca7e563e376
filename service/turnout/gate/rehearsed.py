"""What a rehearsal says, as findings. Its numbers are in the report; a finding is what stops the change, and why."""

from __future__ import annotations

from collections.abc import Iterator

from turnout.gate.findings import note
from turnout.gate.result import GateFinding
from turnout.rehearsal.result import Rehearsal


def of_rehearsal(rehearsal: Rehearsal, *, where: str) -> Iterator[GateFinding]:
    """One finding for each reason; none if it passed and said nothing."""
    for reason in rehearsal.reasons or (() if rehearsal.verdict == "pass" else ("it gave no reason",)):
        rule, _, what = reason.partition(": ") if ": " in reason else ("", "", reason)
        is_rule = bool(rule) and rule.replace("-", "").replace("_", "").isalnum()
        yield GateFinding(
            step="rehearsal",
            rule=rule if is_rule else "rehearsal",
            verdict=rehearsal.verdict,
            where=where,
            what=what if is_rule else reason,
            remedy=_REMEDY[rehearsal.verdict],
        )
    if rehearsal.sample.changed or rehearsal.sample.missing:
        sample = rehearsal.sample
        what = f"of {sample.listed} documents of the sample {sample.changed} have changed and {sample.missing} are gone"
        yield note("rehearsal", "sample-aged", where=where, what=what, remedy="make the sample anew when it has aged")


_REMEDY = {
    "pass": "",
    "inconclusive": "give it the evidence that it lacks; not knowing isn't a pass",
    "fail": "see the numbers in the report; mend the change, or change the gate in a change of its own",
}
