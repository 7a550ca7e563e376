"""Errors that say where, what and what next.

Every layer raises these and only the command line turns them into exit codes. The class is the meaning: a caller
decides by it whether to retry (`Unavailable`), to stop and ask a person (`Refused`), or to show the user their own
mistake (`BadInput`).
"""

from __future__ import annotations


class TurnoutError(Exception):
    """The base of all errors that a user is meant to read.

    Args:
        what: the problem, one sentence without a full stop.
        where: the place of it, for example ``pipelines/x/model.yaml:12`` or an index name.
        remedy: what to do next, an imperative sentence.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f"\n  {self.remedy}" if self.remedy else ""
        return f"{place}{self.what}{remedy}"

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        """Keep the keyword arguments when an error crosses a process boundary."""
        return _rebuild, (type(self), self.what, self.where, self.remedy)


def _rebuild(kind: type[TurnoutError], what: str, where: str, remedy: str) -> TurnoutError:
    return kind(what, where=where, remedy=remedy)


class BadInput(TurnoutError):
    """The user's arguments or files can't be understood (exit code 2)."""


class Refused(TurnoutError):
    """A check, a gate or a guard said no; nothing was changed (exit code 1)."""


class EnvironmentProblem(TurnoutError):
    """Something around turnout is missing, too old or full (exit code 3)."""


class Unavailable(EnvironmentProblem):
    """A server can't be reached or doesn't answer in time; the same call may succeed later."""
