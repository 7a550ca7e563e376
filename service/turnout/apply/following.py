"""Bring one view up to date, again and again, with one follower that is started when it is first needed."""

from __future__ import annotations

from types import TracebackType

from turnout.apply.context import Context
from turnout.embedding import Embedder
from turnout.follow import Follower, Job, lag


class Following:
    """A context manager: the follower and its processes live as long as it is open.

    Args:
        job: what to follow; made by the context.
        embedder: the release's model, used where the context has no worker processes; None to have it loaded.
    """

    def __init__(self, context: Context, job: Job, *, embedder: Embedder | None = None) -> None:
        self._context = context
        self._job = job
        self._embedder = None if context.processes else embedder
        self._follower: Follower | None = None
        self._was_asked = False

    def __enter__(self) -> Following:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._follower is not None:
            self._follower.__exit__(kind, error, trace)

    def follow(self) -> None:
        """Follow documents into the view until nothing is outstanding."""
        if self._follower is None:
            self._follower = Follower(self._job, embedder=self._embedder).__enter__()
        self._follower.catch_up(self._context.listen)

    def follow_if_behind(self) -> None:
        """The same, but no model is loaded for a view that is level."""
        if self._follower is not None or lag(self._context.reader, self._context.names, self._job.view).total:
            self.follow()

    def settle(self) -> None:
        """For parity: the second time it asks there is a difference, maybe one that the lag doesn't show."""
        if self._was_asked:
            self.follow()
        else:
            self.follow_if_behind()
        self._was_asked = True
