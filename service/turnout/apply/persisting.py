"""Go on when Elasticsearch was away for a moment: for Jobs, which nobody watches. Called by the `apply` verb."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from turnout.apply.context import Event, Waiting
from turnout.errors import TurnoutError, Unavailable

T = TypeVar("T")

# 1, 2, 4, 8, 16, 20 ... seconds: a restart of a node is waited for, after that the Job's own retries take over.
_ATTEMPTS = 8
_LONGEST_S = 20.0


def persistently(work: Callable[[], T], listen: Callable[[Event], None]) -> T:
    """What `work` gives; done again from its start if the server was away. Only for what may be repeated.

    Raises:
        Unavailable: it stays away.
    """

    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        what = error.what if isinstance(error, TurnoutError) else str(error)
        listen(Waiting(f"trying again: {what}", state.seconds_since_start or 0.0))

    attempts = Retrying(
        retry=retry_if_exception_type(Unavailable),
        wait=wait_exponential(max=_LONGEST_S),
        stop=stop_after_attempt(_ATTEMPTS),
        before_sleep=tell,
        reraise=True,
    )
    return attempts(work)
