"""In which file a rule's remedy is done, so that a finding and its annotation lie where somebody will edit.

Rules look at releases, which have forgotten their files. Called by `permissions`.
"""

from __future__ import annotations

from turnout.release.checking import artifact_file

_RULES = {
    "pipeline.yaml": (
        *("rate-limit-raised", "passage-above-limit", "worst-hour-above-budget", "budget-missing", "budget-raised"),
        *("cost-above-budget", "currencies-differ", "backfill-too-long", "month-above-budget", "backfill-above-budget"),
        *("load-unknown", "filter-removed", "limits-cut"),
    ),
    "model.yaml": ("unpinned", "licence-not-allowed", "price-unknown", "price-lowered"),
    "gates.yaml": ("gates-weakened",),
    "evaluation": ("judgments-removed", "judgments-changed"),
    "overrides.yaml": ("replaces-adopted",),
}
FILES = {rule: file for file, rules in _RULES.items() for rule in rules}


def place_of(rule: str, collection: str) -> str:
    """Path of the file from the root; release.json for a rule that belongs to none."""
    return artifact_file(collection, FILES.get(rule, "release.json"))
