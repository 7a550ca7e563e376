"""The verdict in words, and the findings. What a reviewer reads first, and often all they read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from turnout.gate.report.content import Bullet, Section, Weight
from turnout.gate.report.numbers import clip, signed
from turnout.gate.result import CheckReport, CollectionReport, GateFinding
from turnout.verify import Verdict

MARKS: dict[Verdict, str] = {"pass": "pass", "fail": "fail", "inconclusive": "inconclusive"}
_REASON = 240
_LONGEST = 600
_REF = 80
_COMMIT = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{28}\b")


def headline(report: CheckReport) -> str:
    """The verdict as one sentence."""
    stopping = [finding for finding in _all(report) if finding.verdict != "pass"]
    broken = any(finding.step == "environment" for finding in stopping)
    match report.verdict:
        case "fail":
            return f"Fail: this change must not go live as it is. {_count(stopping)} against it."
        case "inconclusive" if broken:
            return "Inconclusive: the check could not be finished, so nothing is approved."
        case "inconclusive":
            return "Inconclusive: there is not enough evidence to approve this change."
        case _ if not report.collections:
            return "Pass: no collection changed, so there is nothing to check."
        case _:
            return f"Pass: nothing stands against this change. {_lifted(report)}".rstrip()


def compared(report: CheckReport) -> str:
    """What was checked against what, by which version."""
    commit = _short(report.base_commit)
    head = _short(report.head)
    return (
        f"{head} against {clip(report.base_ref, _REF)} ({commit}), turnout {clip(report.turnout, 40)}, "
        f"{report.seconds:,.0f} s"
    )


def one_reason(collection: CollectionReport) -> str:
    """Why a collection has its verdict, on one line."""
    stopping = sorted(
        (finding for finding in collection.findings if finding.verdict != "pass"),
        key=lambda finding: finding.verdict != "fail",
    )
    if stopping:
        more = f" (and {len(stopping) - 1:,} more)" if len(stopping) > 1 else ""
        return clip(stopping[0].what, _REASON) + more
    return clip("; ".join(_good(collection)) or "nothing stands against it", _REASON)


def _good(collection: CollectionReport) -> Iterator[str]:
    rehearsal = collection.rehearsal
    if collection.verdict != "pass" and rehearsal is not None:
        yield from rehearsal.reasons
        return
    if rehearsal is not None and rehearsal.comparison is not None:
        found = rehearsal.comparison
        change = next((item for item in found.metrics if item.metric == found.metric), None)
        yield f"{clip(found.metric, _REF)} {signed(change.gain)} in the rehearsal" if change else found.reason
    lifted = sum(bool(finding.lifted_by) for finding in collection.findings)
    if lifted:
        yield f"{lifted} refusals lifted by overrides" if lifted > 1 else "one refusal lifted by an override"


def findings(found: Sequence[GateFinding]) -> Iterator[Section]:
    """What stops the change, what an override lifts, and what is only to be known: apart, in this order."""
    stopping = sorted((item for item in found if item.verdict != "pass"), key=lambda item: item.verdict != "fail")
    lifted = [item for item in found if item.verdict == "pass" and item.lifted_by]
    notes = [item for item in found if item.verdict == "pass" and not item.lifted_by]
    for key, title, items, weight in (
        ("findings", "What stands against it", stopping, Weight.FINDINGS),
        ("lifted", "Lifted by an override", lifted, Weight.FINDINGS),
        ("notes", "To know", notes, Weight.NOTES),
    ):
        if items:
            yield Section(key=key, title=title, weight=weight, bullets=tuple(map(_bullet, items)))


def _bullet(finding: GateFinding) -> Bullet:
    lifted = clip(finding.lifted_by, _LONGEST)
    note = finding.verdict == "pass"
    return Bullet(
        mark="lifted" if note and lifted else "note" if note else MARKS[finding.verdict],
        rule=clip(finding.rule, _REF),
        where=clip(finding.where, _REASON),
        what=clip(finding.what, _LONGEST),
        remedy=clip(finding.remedy, _LONGEST),
        lifted_by=lifted,
    )


def _short(commit: str) -> str:
    return clip(_COMMIT.sub(r"\1", commit), _REF)


def _all(report: CheckReport) -> Iterator[GateFinding]:
    yield from report.findings
    for collection in report.collections:
        yield from collection.findings


def _count(stopping: Sequence[GateFinding]) -> str:
    if len(stopping) == 1:
        return "One finding stands"
    return f"{len(stopping):,} findings stand"


def _lifted(report: CheckReport) -> str:
    count = sum(finding.verdict == "pass" and bool(finding.lifted_by) for finding in _all(report))
    if not count:
        return ""
    return "One refusal is lifted by an override." if count == 1 else f"{count:,} refusals are lifted by overrides."
