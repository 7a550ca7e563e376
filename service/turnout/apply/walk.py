"""Walk a plan's stages, one after the other. Called by the `apply` verb, the rehearsal and `shard`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack

from turnout.apply.context import Context, Ended, Started
from turnout.apply.partial import Until, up_to
from turnout.apply.quarantined import require_free
from turnout.apply.walker import Walker
from turnout.errors import Refused
from turnout.plan import Plan, Stage
from turnout.release.artifacts import Release


def apply(plan: Plan, head: Release, context: Context, *, until: Until = "live") -> None:
    """Do what the plan says. Safe to interrupt: planning again resumes it.

    Args:
        until: `filled` ends when the view is filled, `ready` when the release is verified; the alias doesn't move then.

    Raises:
        Refused: the plan is refused, the release is in quarantine, verification didn't pass, or the alias can't be
            moved. The alias is where it was.
        Unavailable: Elasticsearch went away.
    """
    part = up_to(plan, until)
    require_walkable(part, head)
    require_free(context.reader, context.names, head.id)
    context.writer.ensure_state_index(context.names)
    with ExitStack() as stack:
        walk(part.stages, Walker(head, context, stack, joins=until != "live"), context)


def require_walkable(plan: Plan, head: Release) -> None:
    """Do nothing if the plan may be walked for `head`.

    Raises:
        Refused: it is refused, or it is another release's.
    """
    if plan.refusals:
        first = plan.refusals[0]
        raise Refused(first.what, where=plan.collection, remedy=first.remedy)
    if plan.head_id != head.id:
        raise Refused(f"the plan is for {plan.head_id}, not for {head.id}", remedy="plan again")


def walk(stages: Sequence[Stage], walker: Walker, context: Context) -> None:
    """Do these stages and tell of each."""
    for number, stage in enumerate(stages, 1):
        context.listen(Started(stage, number, len(stages)))
        began = time.monotonic()
        walker.take(stage)
        context.listen(Ended(stage, time.monotonic() - began))
