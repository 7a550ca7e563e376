"""What the gate said about a mutation: its report and its findings, read back from JSON."""

from __future__ import annotations

import json
from typing import Any

from drill.mutation import Mutation
from drill.outcome import Outcome, Verdict

_MOST = 4  # of the findings that a row of the table names


def unclear(mutation: Mutation, why: str) -> Outcome:
    """Nothing was judged."""
    return _outcome(mutation, "unclear", why=why)


def from_findings(mutation: Mutation, output: str) -> Outcome:
    """`turnout lock` refused it; `output` is that of `turnout validate --format json`."""
    found = json.loads(output)["findings"]
    rules = _once(f"validate: {finding['rule']}" for finding in found)
    return _outcome(mutation, "fail", caught=rules, change="refused", why=found[0]["problem"])


def from_report(mutation: Mutation, data: bytes) -> Outcome:
    """The verdict of report.json on the only collection that changed, or on none."""
    report = json.loads(data)
    collections: list[dict[str, Any]] = report["collections"]
    findings = [*report["findings"], *(finding for each in collections for finding in each["findings"])]
    against = [finding for finding in findings if finding["verdict"] != "pass"]
    if any(finding["step"] == "environment" for finding in against):
        return unclear(mutation, against[0]["what"])
    rehearsal = next((each["rehearsal"] for each in collections if each["rehearsal"]), None) or {}
    return _outcome(
        mutation,
        report["verdict"],
        caught=_once(f"{finding['step']}: {finding['rule']}" for finding in against),
        change=collections[0]["change"] if collections else "none",
        why=against[0]["what"] if against else "",
        gain=_gain(rehearsal),
        recall=((rehearsal.get("head") or {}).get("recall") or {}).get("mean"),
    )


def _gain(rehearsal: dict[str, Any]) -> float | None:
    comparison = rehearsal.get("comparison")
    if not comparison:
        return None
    return next((each["gain"] for each in comparison["metrics"] if each["metric"] == comparison["metric"]), None)


def _once(texts: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))[:_MOST]


def _outcome(mutation: Mutation, verdict: Verdict, *, change: str = "", **more: Any) -> Outcome:
    more = {"caught": (), "seconds": 0.0, **more}
    return Outcome(name=mutation.name, harmful=mutation.harmful, verdict=verdict, change=change, **more)
