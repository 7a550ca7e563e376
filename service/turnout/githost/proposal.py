"""What is proposed, and to whom: the interface that every Git host's adapter has."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Revert(msgspec.Struct, frozen=True, kw_only=True):
    """Take `failed` back: the collection's files as they were with `stable`, and an entry in quarantine.yaml.

    `by` names the analysis that failed, `reason` is its finding in a sentence, `since` the day as an ISO date.
    """

    collection: str
    failed: str
    stable: str
    by: str
    reason: str
    since: str


class GitHost(Protocol):
    """A host of Git repositories."""

    def propose(self, revert: Revert) -> str | None:
        """Open a pull request; doing it again finds the one that is open.

        Returns:
            Its address; None if the branch doesn't hold the failed release any more, so that nothing is left to revert.

        Raises:
            Unavailable: the host can't be reached, or is limiting us; try again later.
            Refused: the host won't, or the stable release is not in the branch's history.
        """
