"""Go back to a release that was live: its view was followed all the while, so nothing is built.

Called by `turnout revert`. Only the alias moves here; the commit that reverts the artifacts is the caller's.
"""

from __future__ import annotations

import msgspec

from turnout.alias import flip
from turnout.apply.context import Context
from turnout.apply.live import live_release
from turnout.elastic.state import FlipRecord, ReleaseRecord
from turnout.elastic.views import View
from turnout.errors import Refused
from turnout.follow import Follower, find_view, lag
from turnout.release.artifacts import Release
from turnout.verify.parity import parity


def revert(context: Context, *, to: str | None = None) -> FlipRecord:
    """Move the alias back to `to`, or to the release that was live before the present one.

    The view is caught up and compared with documents first, so going back loses no write.

    Raises:
        Refused: there is nothing to go back to, its view is gone or not equal to documents, or flips are frozen.
    """
    live = live_release(context.reader, context.names)
    if live is None:
        raise Refused("no release is live", where=context.names.alias, remedy="bring one up with `turnout apply`")
    target = _target(context, live.release.id, to)
    release = msgspec.convert(target.release, Release)
    view = find_view(context.reader, context.names, target.view or "")
    catch_up(context, release, view)
    checked = parity(context.reader, context.names, view, catch_up=lambda: catch_up(context, release, view, force=True))
    context.listen(checked)
    if checked.verdict != "pass":
        raise Refused(
            f"the view of {release.id} is not equal to documents: {checked.reason}",
            where=view.index,
            remedy="see whether its follower runs (`turnout status`), then try again",
        )
    return flip(
        context.reader,
        context.writer,
        context.names,
        to=view,
        release=release,
        expect=frozenset({live.view.index}),
        reason="revert",
        now=context.now,
    )


def catch_up(context: Context, release: Release, view: View, *, force: bool = False) -> None:
    """Bring a view up to date; without a model being loaded if it is up to date already."""
    if not force and lag(context.reader, context.names, view.index).total == 0:
        return
    with Follower(context.job(release, view.index)) as follower:
        follower.catch_up(context.listen)


def _target(context: Context, live_id: str, to: str | None) -> ReleaseRecord:
    records = {record.release_id: record for record in context.reader.states(context.names, ReleaseRecord)}
    if to is None:
        flips = [flip for flip in context.reader.states(context.names, FlipRecord) if flip.to_release == live_id]
        to = flips[-1].from_release if flips else None
    if to is None:
        raise Refused("no release was live before this one", where=context.names.alias, remedy="name one with --to")
    record = records.get(to)
    if record is None or record.view is None or record.state not in ("former", "ready"):
        known = ", ".join(r.release_id for r in records.values() if r.state in ("former", "ready")) or "none"
        raise Refused(f"release {to} can't be gone back to", where=context.names.alias, remedy=f"these can be: {known}")
    return record
