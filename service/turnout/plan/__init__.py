"""What a change will do, as data: differences, change class, stages, estimate, refusals. Pure.

`make_plan` is called by the `plan` and `apply` verbs with what `turnout.observed` saw; `apply` walks the very tuple of
stages that `explain` prints.
"""

from turnout.plan.build import Plan, make_plan
from turnout.plan.change import Change, Difference, highest
from turnout.plan.differences import differences
from turnout.plan.estimate import Estimate, estimate
from turnout.plan.explain import explain
from turnout.plan.observed import Observed, ObservedView, assumed
from turnout.plan.refusal import Refusal
from turnout.plan.stages import (
    Backfill,
    CatchUp,
    ChangeMapping,
    CreateView,
    Flip,
    KeepFollowing,
    Stage,
    Verify,
    stages,
)

__all__ = [
    "Backfill",
    "CatchUp",
    "Change",
    "ChangeMapping",
    "CreateView",
    "Difference",
    "Estimate",
    "Flip",
    "KeepFollowing",
    "Observed",
    "ObservedView",
    "Plan",
    "Refusal",
    "Stage",
    "Verify",
    "assumed",
    "differences",
    "estimate",
    "explain",
    "highest",
    "make_plan",
    "stages",
]
