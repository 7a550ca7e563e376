"""The rules that an override may lift, by the step that knows them. A rule that isn't here can't be lifted: it means
that something would fail, or that someone has said no (a freeze, a quarantine).

Read by `overrides`, which refuses to permit what no rule asks for, and by the steps themselves. A step that gets a rule
of its own adds its name here. The permission to delete a collection lies in policy.yaml: a collection that is gone has
no overrides.yaml any more.
"""

from __future__ import annotations

PLAN = frozenset({"cost-above-budget", "currencies-differ", "backfill-too-long", "replaces-adopted"})
POLICY = frozenset(
    {
        "rate-limit-raised",
        "passage-above-limit",
        "budget-missing",
        "budget-raised",
        "worst-hour-above-budget",
        "unpinned",
        "licence-not-allowed",
        "price-unknown",
        "price-lowered",
        "gates-weakened",
        "judgments-removed",
        "filter-removed",
        "limits-cut",
    }
)
COST = frozenset({"month-above-budget", "backfill-above-budget", "load-unknown"})
EVIDENCE = frozenset({"judgments-changed"})
REHEARSAL = frozenset({"slice", "latency"})

OVERRIDABLE: frozenset[str] = PLAN | POLICY | COST | EVIDENCE | REHEARSAL
