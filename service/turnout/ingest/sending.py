"""Send bulk updates until the server has answered each of them, or say which it hasn't.

Updates of documents are idempotent, so everything that may succeed later is simply sent again. Called by `Documents`.
"""

from __future__ import annotations

from collections.abc import Sequence

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_random_exponential

from turnout.elastic.views import write_alias
from turnout.elastic.writer import BulkItem, BulkOutcome, Writer
from turnout.errors import EnvironmentProblem, Unavailable

_AGAIN = frozenset({409, 429, 500, 502, 503, 504})
_FIRST_WAIT_S = 0.02
_LONGEST_WAIT_S = 2.0


class Unacknowledged(Unavailable):
    """The server didn't answer for some documents in time: each of them may be written or not.

    Sending the same documents again is always safe.

    Args:
        acknowledged: `_id`s whose operation the server has confirmed (or refused) and that need nothing more.
        unacknowledged: `_id`s of which nothing is known.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        remedy: str = "",
        acknowledged: tuple[str, ...] = (),
        unacknowledged: tuple[str, ...] = (),
    ) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.acknowledged = acknowledged
        self.unacknowledged = unacknowledged


class Delivery:
    """One batch of items with distinct ids on its way to the server."""

    def __init__(self, writer: Writer, index: str, items: Sequence[BulkItem]) -> None:
        self._writer = writer
        self._index = index
        self._open = {item.id: item for item in items}
        self._order = tuple(self._open)
        self._answers: dict[str, BulkOutcome] = {}
        self._trouble = ""

    def complete(self, *, patience_s: float) -> list[BulkOutcome]:
        """The server's last word on each item, in order.

        Raises:
            Unacknowledged: some are still open after `patience_s` seconds.
            EnvironmentProblem: the index is gone or doesn't take writes.
        """
        retrying = Retrying(
            retry=retry_if_result(bool),
            wait=wait_random_exponential(multiplier=_FIRST_WAIT_S, max=_LONGEST_WAIT_S),
            stop=stop_after_delay(patience_s),
        )
        try:
            retrying(self._attempt)
        except RetryError as error:
            raise self._unacknowledged(patience_s) from error
        return [self._answers[item_id] for item_id in self._order]

    def _attempt(self) -> bool:
        """Send what is open; whether anything still is."""
        try:
            for outcome in self._writer.bulk(write_alias(self._index), list(self._open.values()), require_alias=True):
                self._take(outcome)
        except Unavailable as error:
            self._trouble = error.what
        return bool(self._open)

    def _take(self, outcome: BulkOutcome) -> None:
        if outcome.status in _AGAIN:
            self._trouble = f"{outcome.error_type}: {outcome.error}"
            return
        if outcome.error_type == "index_not_found_exception":
            raise index_gone(self._index)
        if outcome.error_type == "cluster_block_exception":
            raise EnvironmentProblem(
                f"the documents index takes no writes: {outcome.error}",
                where=self._index,
                remedy="look for a full disk or a write block, lift it and send the documents again",
            )
        self._answers[outcome.id] = outcome
        del self._open[outcome.id]

    def _unacknowledged(self, patience_s: float) -> Unacknowledged:
        return Unacknowledged(
            f"{len(self._open)} of {len(self._order)} documents were not acknowledged in {patience_s:g} s"
            f" ({self._trouble})",
            where=self._index,
            remedy="send them again when the cluster is healthy; what was written stays as it is",
            acknowledged=tuple(self._answers),
            unacknowledged=tuple(self._open),
        )


def index_gone(index: str) -> EnvironmentProblem:
    """What to say when the source of truth is not where it should be."""
    return EnvironmentProblem(
        "there is no documents index to write to: it was never created, or it was deleted",
        where=index,
        remedy="restore it from a snapshot, or create an empty one (`turnout ingest` does) and read all sources again",
    )
