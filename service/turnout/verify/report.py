"""What a check found, as values that are stored and shown. Made by verify; read by apply, status and reports."""

from __future__ import annotations

from typing import Any

import msgspec

from turnout.evaluation.comparison import Verdict

__all__ = ["Check", "Report", "Verdict"]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One question and its answer.

    `inconclusive` means that the evidence is not enough; it doesn't let a release through either. `reason` is one
    plain sentence. `evidence` holds JSON values only. `seconds` is how long the check took.
    """

    name: str
    verdict: Verdict
    reason: str
    evidence: dict[str, Any] = {}
    seconds: float = 0.0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All checks of one release on one view."""

    release_id: str
    view: str
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of the checks; `inconclusive` without any."""
        found = {check.verdict for check in self.checks}
        if "fail" in found:
            return "fail"
        return "pass" if found == {"pass"} else "inconclusive"

    def check(self, name: str) -> Check | None:
        """The check of that name."""
        return next((check for check in self.checks if check.name == name), None)

    def as_record(self) -> dict[str, Any]:
        """The report as JSON values, its verdict included; `msgspec.convert` to `Report` reads it back."""
        return {**msgspec.to_builtins(self), "verdict": self.verdict}
