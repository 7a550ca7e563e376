"""Which view a release is served from. Pure; called by `pinning`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from turnout.elastic.state import ReleaseRecord, ReleaseState
from turnout.elastic.views import View
from turnout.release.artifacts import Release
from turnout.retrieval.messages import ReadyReason

_COMPLETE: frozenset[ReleaseState] = frozenset({"ready", "live", "former"})


class NoView(Exception):
    """There is nothing to serve from; `reason` is for /readyz."""

    def __init__(self, reason: ReadyReason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class HasUuid(Protocol):
    """What is pinned now."""

    @property
    def uuid(self) -> str:
        """The incarnation of its index."""


def choose(
    release: Release,
    views: Sequence[View],
    records: Sequence[ReleaseRecord],
    *,
    current: HasUuid | None,
    verified_only: bool = False,
) -> View:
    """The view to serve `release` from: the one in use as long as it exists, else the newest complete one.

    A view is complete when some release record that names it got as far as `ready`. A view that no record names is
    taken as complete: it was built by hand or by a test, and nothing says otherwise.

    A complete view is not enough where the release itself was judged or is being judged: one that only searches
    differently shares its view with a release that is fine, and may have failed all the same. So a record of its own
    must say that it got as far as `ready`.

    Args:
        verified_only: a release without a record of its own isn't served either. Pods of a Rollout ask for that: a
            rebuilt cluster starts all of them at once, without any analysis. A person's own process doesn't.

    Raises:
        NoView: none serves the release's index fingerprint, each is still being built or was given up, or the release
            itself isn't ready.
    """
    wanted = release.fingerprints.index
    serving = [view for view in views if wanted in view.meta.index_fingerprints]
    if current is not None:
        for view in serving:
            if view.uuid == current.uuid:
                return view
    if not serving:
        raise NoView("no_view", f"no view serves index fingerprint {wanted} yet")
    about = {view.index: _about(view, records) for view in serving}
    complete = [view for view in serving if _complete(about[view.index])]
    if not complete:
        newest = serving[-1].index
        states = ", ".join(f"{record.release_id} is {record.state}" for record in about[newest])
        raise NoView("view_not_complete", f"{newest} is not complete: {states}")
    own = next((record for record in records if record.release_id == release.id), None)
    _require_ready(release, own, verified_only=verified_only)
    return next((view for view in complete if own is not None and view.index == own.view), complete[-1])


def _about(view: View, records: Sequence[ReleaseRecord]) -> list[ReleaseRecord]:
    return [record for record in records if record.view == view.index]


def _complete(about: Sequence[ReleaseRecord]) -> bool:
    states = {record.state for record in about}
    return not states or bool(states & _COMPLETE)


def _require_ready(release: Release, own: ReleaseRecord | None, *, verified_only: bool) -> None:
    if own is None and verified_only:
        raise NoView("release_not_ready", f"{release.id} is not verified yet")
    if own is not None and own.state not in _COMPLETE:
        why = f": {own.reason}" if own.reason else ""
        raise NoView("release_not_ready", f"{release.id} is {own.state}{why}")
