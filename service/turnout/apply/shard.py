"""Fill one shard's part of a view: the work of one pod of an Indexed Job. Called by `turnout apply --shard`.

All pods run the same command. Shard 0 makes the view, the others wait for it; then each follows its own shard of the
documents index from its checkpoint. Nobody calls the view finished here: the apply that verifies it does, after it
followed the rest. So a pod may be killed, started again or started twice at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

from turnout.apply.context import Context, Waiting
from turnout.apply.creating import serving_view
from turnout.apply.partial import up_to
from turnout.apply.quarantined import require_free
from turnout.apply.walk import require_walkable, walk
from turnout.apply.walker import MAKER, Walker
from turnout.errors import BadInput, Unavailable
from turnout.follow.progress import documents_shards
from turnout.plan import Backfill, Plan
from turnout.release.artifacts import Release

WAIT_S = 900.0
"""How long a pod waits for the view. Making one takes as long as loading the model; the Job tries again."""
_POLL_S = 2.0
_TELL_EVERY_S = 10.0


def fill_shard(
    plan: Callable[[], Plan], head: Release, context: Context, shard: int, *, wait_s: float = WAIT_S
) -> None:
    """Bring the operations of one shard into the view of `head`, up to the global checkpoint of this moment.

    Args:
        plan: plans afresh, from what the cluster shows.
        wait_s: how long to wait for a view that another pod makes, in seconds.

    Raises:
        BadInput: there is no such shard.
        Refused: the release is in quarantine, or the plan is refused.
        EnvironmentProblem: there is no documents index.
        Unavailable: Elasticsearch went away, or no view appeared in time.
    """
    require_free(context.reader, context.names, head.id)
    _require_shard(context, shard)
    if head.model.hosted and shard != MAKER:
        return  # rate limit and budget of a hosted model hold for one process: the maker fills all shards
    context.writer.ensure_state_index(context.names)
    with ExitStack() as stack:
        only = None if head.model.hosted else shard
        walker = Walker(head, context, stack, joins=True, shard=only)
        planned = _planned(plan, head)
        making = [stage for stage in planned.stages if not isinstance(stage, Backfill)]
        if making:
            if shard == MAKER:
                walk(making, walker, context)
            else:
                _wait_for_view(context, head, wait_s)
            planned = _planned(plan, head)
        walk([stage for stage in planned.stages if isinstance(stage, Backfill)], walker, context)


def _planned(plan: Callable[[], Plan], head: Release) -> Plan:
    planned = up_to(plan(), "filled")
    require_walkable(planned, head)
    return planned


def _require_shard(context: Context, shard: int) -> None:
    shards = sorted(documents_shards(context.reader, context.names).checkpoints)
    if shard not in shards:
        raise BadInput(
            f"there is no shard {shard}: the documents index has {len(shards)}",
            where=context.names.documents,
            remedy=f"name one of 0 to {len(shards) - 1}",
        )


def _wait_for_view(context: Context, head: Release, wait_s: float) -> None:
    began = told = time.monotonic()
    while not _is_up(context, head):
        now = time.monotonic()
        if now - began >= wait_s:
            raise Unavailable(
                f"no view for release {head.id} appeared within {wait_s:.0f} s; shard {MAKER} makes it",
                where=context.names.collection,
                remedy=f"see why the one for shard {MAKER} doesn't get there, then try again",
            )
        if told == began or now - told >= _TELL_EVERY_S:
            told = now
            context.listen(Waiting(f"waiting for the view, which shard {MAKER} makes", now - began))
        time.sleep(min(_POLL_S, wait_s))


def _is_up(context: Context, head: Release) -> bool:
    """Whether there is a view and its shards have been started."""
    try:
        view = serving_view(context, head)
        return view is not None and context.reader.shards(view.index) is not None
    except Unavailable:
        return False
