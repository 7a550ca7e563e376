"""Which views may be deleted? A pure decision over what was observed, so that every doubtful case can be tested.

A view is kept unless it is certain that nobody can need it: what isn't known counts as a reason to keep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from turnout.elastic.state import FlipRecord, ReleaseRecord
from turnout.elastic.views import View

_ACTIVE = ("building", "verifying", "ready", "live")


@dataclass(frozen=True)
class Observed:
    """What is known about a collection at one moment. `flips` are oldest first."""

    views: tuple[View, ...]
    targets: frozenset[str]
    releases: tuple[ReleaseRecord, ...]
    flips: tuple[FlipRecord, ...]
    frozen: bool


def retirable(observed: Observed, *, keep: int = 1) -> tuple[str, ...]:
    """The views that may be deleted, by name, in the order they were observed."""
    reasons = judge(observed, keep=keep)
    return tuple(view.index for view in observed.views if not reasons[view.index])


def judge(observed: Observed, *, keep: int = 1) -> dict[str, str]:
    """For each view the reason to keep it; empty if it may be deleted.

    Args:
        keep: how many former releases must stay ready for going back.
    """
    back = rollback_targets(observed.flips, observed.releases, keep=keep)
    return {view.index: _reason(view, observed, back) for view in observed.views}


def rollback_targets(
    flips: Sequence[FlipRecord], releases: Sequence[ReleaseRecord], *, keep: int
) -> dict[str, frozenset[str]]:
    """The last `keep` former releases, newest first, each with the views that it may be served from.

    By the history of flips: the live release, and one that failed or was retired meanwhile, don't count.
    """
    states = {record.release_id: record for record in releases}
    found: dict[str, frozenset[str]] = {}
    live = flips[-1].to_release if flips else None
    for past in reversed(flips):
        record = states.get(past.to_release)
        if past.to_release == live or (record is not None and record.state in ("failed", "retired")):
            continue
        if past.to_release not in found and len(found) == keep:
            break
        views = {past.to_view} | ({record.view} if record is not None and record.view else set())
        found[past.to_release] = found.get(past.to_release, frozenset()) | views
    return found


def _reason(view: View, observed: Observed, back: dict[str, frozenset[str]]) -> str:
    if observed.frozen:
        return "the collection is frozen"
    if view.index in observed.targets or view.aliases:
        return "an alias points at it"
    for record in observed.releases:
        if record.state in _ACTIVE and _may_serve(view, record):
            return f"release {record.release_id} is {record.state}"
    for release_id, views in back.items():
        if view.index in views:
            return f"release {release_id} is kept for going back"
    return "" if _is_explained(view, observed) else "no record says what it was for"


def _may_serve(view: View, record: ReleaseRecord) -> bool:
    """Whether a release is served from this view; any that serves its fingerprint, where the record names none."""
    if record.view is not None:
        return record.view == view.index
    fingerprints: dict[str, str] = record.release.get("fingerprints", {})
    return fingerprints.get("index") in view.meta.index_fingerprints


def _is_explained(view: View, observed: Observed) -> bool:
    """Whether the view's time is certainly over: a record names it, or names a newer one for the same release.

    A view that was made a moment ago is not named by any record yet; one of the same name may have been, so only
    records that are younger than the view count.
    """
    created_at = view.meta.created_at
    if any(record.view == view.index and record.at > created_at for record in observed.releases):
        return True
    made = {other.index: other.meta.created_at for other in observed.views}
    return any(
        record.release_id == view.meta.built_for and made.get(record.view or "", "") > created_at
        for record in observed.releases
    )
