"""Which views and release ConfigMaps may be deleted. Called by `desired`, and again by who deletes, on a second look.

`turnout.alias.retirable` judges by records and flips, and keeps whatever somebody may still be building. In a cluster
Git says what is wanted, so a build that nothing asks for any more, or whose release is quarantined, doesn't count.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

import msgspec

from turnout.alias.retirable import Observed as ByRecords
from turnout.alias.retirable import judge, rollback_targets
from turnout.controller.actions import Collect, Retire
from turnout.controller.observed import Observed, Revision
from turnout.controller.seen import jobs, serving
from turnout.elastic.state import ReleaseRecord

SPARE_S = 3600.0
"""Seconds that a release ConfigMap must have existed before it can be a spare one: a sync applies it first."""

_UNFINISHED = ("building", "verifying", "ready")


def retired(observed: Observed) -> Iterator[Retire]:
    """The views to delete. None while frozen, or while a revision that could name one can't be read."""
    if not observed.frozen:
        yield from (Retire(view=index) for index in to_retire(observed))


def to_retire(observed: Observed) -> tuple[str, ...]:
    """The views that nobody can need any more, whether frozen or not."""
    if any(_counts(revision) and revision.release is None for revision in observed.revisions):
        return ()
    kept = _named(observed) | {work.view for work in observed.work}
    return tuple(index for index, reason in _reasons(observed).items() if not reason and index not in kept)


def unexplained(observed: Observed) -> tuple[str, ...]:
    """The views of which nothing says what they are for. They are kept for ever, until a person decides."""
    kept = _named(observed) | {work.view for work in observed.work}
    what = "no record says what it was for"
    return tuple(index for index, reason in _reasons(observed).items() if reason == what and index not in kept)


def collected(observed: Observed, *, spare_s: float, besides: Set[str] = frozenset()) -> Iterator[Collect]:
    """The release ConfigMaps that nothing names, older than `spare_s` seconds and mounted by no work, nor `besides`."""
    mounted = besides | {work.config_map for work in observed.work}
    for name, age in sorted(observed.spare_config_maps.items()):
        if age >= spare_s and name not in mounted:
            yield Collect(config_map=name)


def judged_records(observed: Observed) -> tuple[ReleaseRecord, ...]:
    """The records, those of quarantined releases as failed: they are nothing to go back to."""
    return tuple(
        msgspec.structs.replace(record, state="failed") if record.release_id in observed.quarantined else record
        for record in observed.records
    )


def _reasons(observed: Observed) -> dict[str, str]:
    """For each view the reason to keep it, by the records and flips alone."""
    records = judged_records(observed)
    back = rollback_targets(observed.flips, records, keep=1)
    wanted = {revision.release.id for revision in observed.revisions if _counts(revision) and revision.release}
    wanted |= back.keys()
    seen = ByRecords(
        views=tuple(seen.view for seen in observed.views),
        targets=observed.targets,
        releases=tuple(_given_up(record, wanted, observed) for record in records),
        flips=observed.flips,
        frozen=False,
    )
    return judge(seen, keep=1)


def _given_up(record: ReleaseRecord, wanted: set[str], observed: Observed) -> ReleaseRecord:
    """A release that was never live and that no revision asks for any more is as good as failed."""
    if record.state in _UNFINISHED and record.release_id not in wanted and not jobs(record.release_id, observed):
        return msgspec.structs.replace(record, state="failed")
    return record


def _counts(revision: Revision) -> bool:
    """Whether its pods may come to search: they do, they are on trial, or going back to them asks nobody."""
    return revision.role != "former" or revision.in_window


def _named(observed: Observed) -> set[str | None]:
    """The views that such revisions are served from: the record's, or each that serves the fingerprint."""
    named: set[str | None] = set()
    for revision in observed.revisions:
        if not _counts(revision) or revision.release is None:
            continue
        record = observed.record(revision.release.id)
        views = {seen.view.index for seen in serving(revision.release, observed)}
        named |= {record.view} if record is not None and record.view in views else views
    return named
