"""Permissions to break a rule end by themselves, and name a rule that there is.

Which of overrides.yaml have ended, reach too far, or permit nothing? Called by `checking`, which gets
the day from its caller, and by the gate (`unused`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from turnout.release.artifacts import Overrides
from turnout.release.days import expiry_finding, known_day
from turnout.release.document import Document
from turnout.release.findings import Finding, shown
from turnout.release.overridable import OVERRIDABLE

_DELETED = "collection-deleted"


def override_findings(document: Document, overrides: Overrides, today: str) -> Iterator[Finding]:
    """Findings about overrides: their days, their rules; `today` is an ISO date.

    Raises:
        BadInput: today is no date.
    """
    now = known_day(today)
    first: dict[str, int] = {}
    for place, override in enumerate(overrides.overrides):
        what = f"the permission to break {override.rule}"
        if found := expiry_finding(document, ("overrides", place, "expires"), override.expires, now, what):
            yield found
        path = ("overrides", place, "rule")
        if override.rule not in OVERRIDABLE:
            problem = f"there is no rule {shown(override.rule)} that an override lifts"
            yield document.finding(path, "override-unknown", problem, _nearest(override.rule))
        elif override.rule in first:
            problem = f"{override.rule} has an override already, entry {first[override.rule] + 1}"
            yield document.finding(path, "override-twice", problem, "keep one of them")
        first.setdefault(override.rule, place)


def unused(document: Document, overrides: Overrides, used: Collection[str]) -> Iterator[Finding]:
    """A finding for each override that lifts nothing.

    Args:
        document: overrides.yaml with its places.
        used: names of the rules that were broken and lifted.
    """
    for place, override in enumerate(overrides.overrides):
        if override.rule not in used:
            problem = f"the permission to break {override.rule} lifts nothing: the rule isn't broken"
            yield document.finding(("overrides", place, "rule"), "override-unused", problem, "drop it")


def _nearest(rule: str) -> str:
    from difflib import get_close_matches

    if rule == _DELETED:
        return "the permission to delete a collection belongs in pipelines/policy.yaml, under `deletions`"
    near = get_close_matches(rule, sorted(OVERRIDABLE), n=1)
    return f"did you mean `{near[0]}`?" if near else f"name one of: {', '.join(sorted(OVERRIDABLE))}"
