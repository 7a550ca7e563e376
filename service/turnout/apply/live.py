"""The live release together with its view, to compare with and to go back from."""

from __future__ import annotations

from typing import NamedTuple

from turnout import observed
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.views import View
from turnout.follow import find_view
from turnout.release.artifacts import Release


class LiveRelease(NamedTuple):
    """The release that the alias serves, and its view."""

    release: Release
    view: View


def live_release(reader: Reader, names: Names) -> LiveRelease | None:
    """The live release; None if the alias points nowhere, at several indexes, or at one that no record names.

    None for an adopted index too: the searches of a release find nothing in it, so it can't be compared with.
    """
    release = observed.live_release(reader, names)
    if release is None or reader.adopted(names) is not None:
        return None
    (index,) = reader.alias_targets(names.alias)
    return LiveRelease(release, find_view(reader, names, index))
