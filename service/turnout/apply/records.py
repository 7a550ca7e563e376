"""Remember how far a release has come, without taking away what it or another process has reached."""

from __future__ import annotations

from typing import Any

import msgspec

from turnout.alias.records import change_release
from turnout.apply.context import Context
from turnout.elastic.state import ReleaseRecord, ReleaseState
from turnout.errors import Refused
from turnout.release.artifacts import Release

_FILLED: tuple[ReleaseState, ...] = ("verifying", "ready", "failed")


def remember(
    context: Context,
    release: Release,
    state: ReleaseState,
    view: str,
    *,
    reason: str = "",
    report: dict[str, Any] | None = None,
) -> None:
    """Write the state of a release that is being applied. `report` is a verification's, as JSON values.

    A release that is live or was live keeps that standing with its view, whatever a new verification says: searches
    are answered from it, or it is what one would go back to. Only the report and the reason are renewed. One that got
    beyond `building` with its view isn't taken back to it by a process that was slower.

    Raises:
        Refused: the release went live on another view meanwhile.
    """
    fresh = ReleaseRecord(
        collection=release.collection,
        at=context.now(),
        release_id=release.id,
        state=state,
        view=view,
        release=msgspec.to_builtins(release),
        reason=reason,
        report=report or {},
    )

    def change(stored: ReleaseRecord | None) -> ReleaseRecord:
        if stored is not None and state == "building" and stored.view == view and stored.state in _FILLED:
            return stored
        if stored is None or stored.state not in ("live", "former"):
            return fresh
        if stored.view == view:
            return stored if report is None else msgspec.structs.replace(stored, reason=reason, report=fresh.report)
        if stored.state == "live" and context.reader.alias_targets(context.names.alias) == {stored.view}:
            raise Refused(
                f"release {release.id} went live on {stored.view} meanwhile: another apply was faster",
                where=view,
                remedy="nothing is left to do; `turnout retire` says what becomes of this view",
            )
        return fresh

    change_release(context.reader, context.writer, context.names, fresh.key, change)
