"""Reports whose every text comes from someone who means harm, and whose numbers are no numbers."""

from __future__ import annotations

from typing import Any

import msgspec

from support import gate_reports as made
from turnout.evaluation.comparison import Comparison
from turnout.gate.result import CheckReport, CollectionReport, GateFinding
from turnout.rehearsal.result import Rehearsal

PAYLOADS = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "</code></summary></details><!-- turnout-check --> ![x](http://e.vil/p.png)",
    "`|| @team #12 [x](javascript:alert(1)) www.e.vil http://e.vil",
    "{{ 7*7 }} {% raw %} $\\frac{a}{0}$ $$ \\(x\\) ]]> &lt;b&gt;",
    "\x1b[31m\u202egnp.exe\u200b\r\n# heading\n::error::x",
    "_markdown_ **pass** ~~x~~ | a | b |\n| --- | --- |",
)


def hostile(payload: str, *, times: int = 1, number: float | None = None) -> CheckReport:
    """A report with `payload` in every text, `times` of everything there can be many of, `number` for figures."""
    texts = [f"{payload}{count}" for count in range(times)]
    findings = tuple(_finding(text, place) for place, text in enumerate(texts))
    collection = _collection(payload, findings, texts, number)
    return msgspec.structs.replace(
        made.report(*[collection] * min(times, 40), findings=findings),
        base_ref=payload,
        base_commit=payload,
        head=payload,
        turnout=payload,
        seconds=1.0 if number is None else number,
    )


def _finding(text: str, place: int) -> GateFinding:
    verdict = ("fail", "inconclusive", "pass", "pass")[place % 4]
    lifted = text if place % 4 == 2 else ""
    return made.finding(rule=text, verdict=verdict, where=text, what=text, remedy=text, lifted_by=lifted)


def _collection(
    payload: str, findings: tuple[GateFinding, ...], texts: list[str], number: float | None
) -> CollectionReport:
    plan = made.upgrade_plan()
    differences = tuple(
        msgspec.structs.replace(plan.differences[0], path=f"/{text}", before=text, after={text: text}, reason=text)
        for text in texts
    )
    return made.collection(
        collection=payload,
        change=payload,
        base_id=payload,
        head_id=payload,
        verdict="fail",
        findings=findings,
        plan=msgspec.structs.replace(plan, differences=differences, notes=tuple(texts)),
        cost=msgspec.structs.replace(
            _numbers(made.cost(), number), currency=payload, assumptions=tuple(texts), unknown=tuple(texts)
        ),
        rehearsal=_rehearsal(payload, texts, number),
        seconds=dict.fromkeys(texts, 1.0 if number is None else number),
    )


def _rehearsal(payload: str, texts: list[str], number: float | None) -> Rehearsal:
    found = made.rehearsal(compared=_comparison(payload, texts, number), verdict="fail")
    check = msgspec.structs.replace(found.checks[0], name=payload, reason=payload)
    spaces = found.spaces
    assert spaces is not None
    groups = tuple(texts[place % len(texts)] for place in range(len(spaces.groups)))
    latency = found.latency
    assert latency is not None
    return msgspec.structs.replace(
        found,
        server=payload,
        upgrade=tuple(texts),
        checks=(check,) * len(texts),
        reasons=tuple(texts),
        spaces=_numbers(msgspec.structs.replace(spaces, groups=groups), number),
        latency=_numbers(latency, number),
        base_scores=found.base_scores if number is None else (number,) * 3,
    )


def _comparison(payload: str, texts: list[str], number: float | None) -> Comparison:
    found = made.comparison(gain=-0.1, verdict="fail")
    metric = _numbers(found.metrics[0], number)
    query = msgspec.structs.replace(found.lost_most[0], query=payload, text=payload)
    return msgspec.structs.replace(
        _numbers(found, number),
        metric=payload,
        reason=payload,
        metrics=tuple(msgspec.structs.replace(metric, metric=text) for text in [payload, *texts]),
        slices=tuple(msgspec.structs.replace(_numbers(found.slices[0], number), slice=text) for text in texts),
        lost_most=(query,) * len(texts),
        gained_most=(query,) * len(texts),
        by_query=dict.fromkeys([*texts, "q"], (0.1, 0.2) if number is None else (number, 0.5)),
    )


def _numbers(value: Any, number: float | None) -> Any:
    """`value` with `number` in place of every float, at any depth."""
    if number is None:
        return value
    changes = {}
    for name in value.__struct_fields__:
        field = getattr(value, name)
        if isinstance(field, float):
            changes[name] = number
        elif isinstance(field, msgspec.Struct):
            changes[name] = _numbers(field, number)
        elif isinstance(field, tuple) and field and isinstance(field[0], float):
            changes[name] = tuple(number for _ in field)
    return msgspec.structs.replace(value, **changes)
