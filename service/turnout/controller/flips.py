"""Moves the alias to the stable release's view, after comparing that view with documents once more. Called by `act`."""

from __future__ import annotations

import time
from collections.abc import Callable

from turnout.alias import flip
from turnout.controller.actions import Flip
from turnout.controller.flipping import is_for_stable
from turnout.controller.observed import Observed
from turnout.controller.seen import known_release
from turnout.controller.tools import Tools
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.errors import Refused
from turnout.follow import lag
from turnout.follow.progress import documents_shards
from turnout.verify.parity import parity

PATIENCE_S = 30.0
"""Seconds that one attempt waits for a follower, in all; the next look tries again."""
_LOOK_S = 0.5


class Waiting:
    """Waits until a follower has brought over what documents held at the call. For `parity`, which asks several times.

    Not until nothing is outstanding: under constant writes there is always something.

    Args:
        check: called before each look; raises what ends the waiting.
    """

    def __init__(
        self,
        reader: Reader,
        names: Names,
        view: str,
        *,
        check: Callable[[], None],
        patience_s: float = PATIENCE_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._reader, self._names, self._view = reader, names, view
        self._check, self._sleep, self._left_s = check, sleep, patience_s

    def __call__(self) -> None:
        target = documents_shards(self._reader, self._names).checkpoints
        while True:
            self._check()
            # Read before the lag, so that what is taken for reached is never more than what is.
            upto = documents_shards(self._reader, self._names).checkpoints
            behind = lag(self._reader, self._names, self._view).shards
            if all(upto.get(shard, -1) - behind.get(shard, 0) >= wanted for shard, wanted in target.items()):
                return
            if self._left_s <= 0:
                raise Refused(
                    f"the follower of {self._view} doesn't come up to documents",
                    where=self._names.alias,
                    remedy="look at the Deployment that follows it; the alias stays where it is",
                )
            self._sleep(_LOOK_S)
            self._left_s -= _LOOK_S


def move_alias(action: Flip, observed: Observed, tools: Tools, *, look: Callable[[], Observed]) -> None:
    """Flip, if the view is equal to documents, the alias is where it was seen, and the release still is stable.

    Args:
        look: looks at everything once more. Comparing may take many minutes, in which the release may have been
            reverted; whoever reads the alias must not be sent there after that.

    Raises:
        Refused: one of these doesn't hold. The alias stays where it is.
        Deposed: this replica may not act any more.
    """
    (reader, writer), names = tools.both, tools.names
    view = next((seen.view for seen in observed.views if seen.view.index == action.view), None)
    release = known_release(action.release_id, observed)
    if view is None or release is None:
        raise Refused(f"release {action.release_id} or its view {action.view} is not there", where=names.alias)
    compared = parity(reader, names, view, catch_up=Waiting(reader, names, view.index, check=tools.check))
    if compared.verdict != "pass":
        raise Refused(
            f"the view is not equal to documents, the alias stays where it is: {compared.reason}",
            where=view.index,
            remedy=f"`turnout status {names.collection} --parity` compares again",
        )
    if not is_for_stable(action, look()):
        raise Refused(
            f"release {action.release_id} is not the stable one any more since its view was compared with documents,"
            " the alias stays where it is",
            where=names.alias,
            remedy="nothing is left to do: the next look decides again",
        )
    tools.check()
    expect = frozenset(action.expect)
    flip(reader, writer, names, to=view, release=release, expect=expect, reason=action.why, now=tools.now)
