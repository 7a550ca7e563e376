"""What Elasticsearch knows of a collection: views and how far they are, records, and last of all where the alias is.

Called by `look`. The alias is read last because it is what changes in a moment.
"""

from __future__ import annotations

from typing import NamedTuple

from turnout.alias import frozen
from turnout.controller.observed import SeenView
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import FlipRecord, Quarantine, ReleaseRecord
from turnout.elastic.views import View
from turnout.errors import EnvironmentProblem, Unavailable
from turnout.follow import ViewGone, lag
from turnout.observed.cluster import FILLED


class Indexes(NamedTuple):
    """The half of `Observed` that Elasticsearch answers."""

    views: tuple[SeenView, ...]
    records: tuple[ReleaseRecord, ...]
    flips: tuple[FlipRecord, ...]
    targets: frozenset[str]
    quarantined: dict[str, Quarantine]
    shards: int
    operations: int
    frozen: str


def look_at_indexes(reader: Reader, names: Names) -> Indexes:
    """One look.

    Raises:
        Unavailable: Elasticsearch can't answer, or a shard of documents is down. Half a picture is none.
    """
    records = reader.states(names, ReleaseRecord)
    flips = reader.states(names, FlipRecord)
    quarantined = {each.release_id: each for each in reader.states(names, Quarantine)}
    switch = frozen(reader, names)
    shards = reader.shards(names.documents)
    behind = {view.index: (view, _behind(reader, names, view)) for view in reader.views(names)}
    targets = reader.alias_targets(names.alias)
    full = {record.view for record in records if record.state in FILLED} | targets
    return Indexes(
        views=tuple(
            SeenView(view=view, behind=operations, filled=index in full) for index, (view, operations) in behind.items()
        ),
        records=records,
        flips=flips,
        targets=targets,
        quarantined=quarantined,
        shards=len(shards.checkpoints) if shards else 0,
        operations=sum(checkpoint + 1 for checkpoint in shards.checkpoints.values()) if shards else 0,
        frozen=f"{switch.reason} (by {switch.by})" if switch else "",
    )


def _behind(reader: Reader, names: Names, view: View) -> int | None:
    """Operations that a view lacks; None where there are no documents to compare with, it was deleted just now, or a
    shard of it is down: a view that is being filled has no copies, and losing it must not blind us for all others.
    """
    try:
        return lag(reader, names, view.index).total
    except Unavailable:
        reader.shards(names.documents)  # raises, too, if it isn't this view alone
        return None
    except (EnvironmentProblem, ViewGone):
        return None
