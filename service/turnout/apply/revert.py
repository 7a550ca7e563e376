"""Go back to a release that was live: its view was followed all the while, so nothing is built.

Called by `turnout revert`. Only the alias moves here; the commit that reverts the artifacts is the caller's.
"""

from __future__ import annotations

import msgspec

from turnout.alias import flip, rollback_targets
from turnout.apply.context import Context
from turnout.apply.following import Following
from turnout.apply.live import live_release
from turnout.apply.quarantined import require_free
from turnout.elastic.state import FlipRecord, ReleaseRecord
from turnout.errors import Refused
from turnout.follow import find_view
from turnout.release.artifacts import Release
from turnout.verify.parity import parity


def revert(context: Context, *, to: str | None = None) -> FlipRecord:
    """Move the alias back to `to`, or to the release that was live before the present one.

    If the alias is not where the records say (it was moved by hand, or a flip was interrupted), it goes back by default
    to the release that the last finished flip made live. The view is caught up and compared with documents first, so
    going back loses no write.

    Raises:
        Refused: there is nothing to go back to, it is in quarantine, its view is gone or not equal to documents, or
            flips are frozen.
    """
    reader, names = context.reader, context.names
    targets = reader.alias_targets(names.alias)
    target = _target(context, to)
    require_free(reader, names, target.release_id)
    release = msgspec.convert(target.release, Release)
    view = find_view(reader, names, target.view or "")
    with Following(context, context.job(release, view.index)) as following:
        checked = parity(reader, names, view, catch_up=following.settle)
    context.listen(checked)
    if checked.verdict != "pass":
        raise Refused(
            f"the view of {release.id} is not equal to documents: {checked.reason}",
            where=view.index,
            remedy="see whether its follower runs (`turnout status`), then try again",
        )
    return flip(
        reader, context.writer, names, to=view, release=release, expect=targets, reason="revert", now=context.now
    )


def _target(context: Context, to: str | None) -> ReleaseRecord:
    """The record of the release to go back to: one that was live and is not live now."""
    reader, names = context.reader, context.names
    records = reader.states(names, ReleaseRecord)
    live = live_release(reader, names)
    live_id = live.release.id if live else None
    possible = {
        record.release_id: record
        for record in records
        if record.view and record.state in ("former", "live") and record.release_id != live_id
    }
    wanted = to or _default(reader.states(names, FlipRecord), records, is_known=live is not None)
    if wanted is None:
        raise Refused(
            "no release was live before this one", where=names.alias, remedy="bring one up with `turnout apply`"
        )
    if wanted in possible and possible[wanted].report.get("adopted"):
        raise Refused(
            f"release {wanted} is served by an adopted index, which isn't followed: it lacks all later writes",
            where=possible[wanted].view or "",
            remedy="if that is better than what is live, move the alias yourself with one call of `_aliases`",
        )
    if wanted not in possible:
        known = ", ".join(possible) or "none"
        raise Refused(f"release {wanted} can't be gone back to", where=names.alias, remedy=f"these can be: {known}")
    return possible[wanted]


def _default(flips: tuple[FlipRecord, ...], records: tuple[ReleaseRecord, ...], *, is_known: bool) -> str | None:
    """What `retire` keeps for going back; the last release that went live if nobody knows what is live now."""
    if not is_known:
        return flips[-1].to_release if flips else None
    return next(iter(rollback_targets(flips, records, keep=1)), None)
