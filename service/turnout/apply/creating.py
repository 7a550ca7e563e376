"""Make the view of a release, so that two who do it at once end up with one view and nobody searches it too early."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from turnout.apply.context import Context
from turnout.apply.records import remember
from turnout.elastic.state import ReleaseRecord
from turnout.elastic.views import View
from turnout.embedding import Embedder
from turnout.errors import Refused
from turnout.follow import find_view, new_view
from turnout.release.artifacts import Release


def make_view(context: Context, release: Release, model: Callable[[], Embedder], *, joins: bool) -> View:
    """A new view for the release; planned only where no view serves it.

    Args:
        joins: use a view that somebody else made since the plan, in place of refusing it.

    Raises:
        Refused: another apply made a view since the plan, or the release went live meanwhile.
    """
    reader, names = context.reader, context.names
    # Records are read before views: whoever makes a view says so first, so a name that is new here isn't taken there.
    taken = _taken(context)
    view = serving_view(context, release)
    if view is not None and not joins:
        raise Refused(
            "a view for this release appeared since the plan was made: another apply is at work",
            where=view.index,
            remedy="see `turnout status`; an apply that was interrupted is resumed by applying again",
        )
    if view is not None:
        return view
    new = new_view(names, release, model(), now=context.now())
    for attempt in count(1):
        index = names.view(release.fingerprints.index, attempt)
        if index in taken:
            continue
        # The record comes first: a view that no record names counts as complete, and this one is empty.
        remember(context, release, "building", index)
        if new.make(context.writer, index):
            return find_view(reader, names, index)
        # Made at the same moment, by another apply or by a request of ours whose answer was lost.
        view = serving_view(context, release)
        if view is not None:
            return view
    raise AssertionError("unreachable")


def _taken(context: Context) -> frozenset[str | None]:
    """Names that a new view must not get: by these records it would count as full while it is empty."""
    records = context.reader.states(context.names, ReleaseRecord)
    return frozenset(record.view for record in records if record.state != "building")


def serving_view(context: Context, release: Release) -> View | None:
    """A view that serves the release's index fingerprint, full or not; None if there is none."""
    wanted = release.fingerprints.index
    views = context.reader.views(context.names)
    return next((view for view in views if wanted in view.meta.index_fingerprints), None)
