"""Which release should be asked its query set now. Pure; called by `probing`.

A trial comes first: the canary against stable, once. A release that is stable is asked again now and then, to see
whether its quality falls while its documents change; what it was worth on trial is what that is compared with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from turnout.controller.observed import Observed, Revision
from turnout.controller.seen import is_certain
from turnout.elastic.state import ProbeRecord, probe_key
from turnout.judge.quality import trial_key
from turnout.release.artifacts import Release

ATTEMPTS = 3
"""How often a trial's queries may be asked: a controller that dies of it must not ask for ever, for each may cost."""
AGAIN_S = 3600.0
"""Seconds after which the watch of a release is tried again if nothing came of it."""

Records = Mapping[str, ProbeRecord]


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A release to be asked, on trial against `stable` or, without it, for the watch. `config_map` is where its query
    set lies; the hashes are those of the pods.
    """

    key: str
    release: Release
    hash: str
    config_map: str
    stable: Release | None = None
    stable_hash: str = ""

    @property
    def hashes(self) -> tuple[str, ...]:
        """The pod template hashes of all sides, the release's own first."""
        return (self.hash, self.stable_hash) if self.stable is not None else (self.hash,)

    @property
    def releases(self) -> tuple[Release, ...]:
        """The releases of all sides."""
        return (self.release, self.stable) if self.stable is not None else (self.release,)

    @property
    def of(self) -> tuple[str, str]:
        """Collection and release id, for messages."""
        return self.release.collection, self.release.id

    def record(self, before: ProbeRecord | None, *, at: str) -> ProbeRecord:
        """The record of this task, its earlier content kept."""
        if before is not None:
            return msgspec.structs.replace(before, at=at)
        return ProbeRecord(
            collection=self.release.collection,
            at=at,
            release=self.release.id,
            state="asking",
            stable=self.stable.id if self.stable is not None else "",
            revision=self.hash if self.stable is not None else "",
        )


def wanted(observed: Observed, records: Records, *, now: datetime, every_s: float, running: str = "") -> Task | None:
    """What should be asked now, or go on being asked; None if nothing is due.

    Args:
        every_s: seconds between two measurements of the stable release; 0 for no watch.
        running: the key of what is being asked; it goes on while its pods restart.
    """
    if not is_certain(observed):
        return None
    return _trial(observed, records, running) or _watch(observed, records, now, every_s, running=running)


def promoted(observed: Observed, records: Records) -> ProbeRecord | None:
    """The first record of the watch of a release that was measured on trial; None if there is one or it wasn't.

    A release that is promoted again, after another one, is watched anew.
    """
    stable = observed.revision("stable")
    if stable is None or stable.release is None:
        return None
    key = probe_key(observed.collection, stable.release.id)
    trials = [each for each in _trials_of(stable.release.id, records.values()) if each.values]
    last = max((each for each in trials if each.stable != each.release), key=lambda each: each.at, default=None)
    if last is None or (key in records and records[key].at >= last.at):
        return None
    recall = last.result.canary_ann_recall if last.result is not None else None
    return ProbeRecord(
        collection=observed.collection,
        at=last.at,
        release=stable.release.id,
        state="done",
        values=last.values,
        reference=last.values,
        ann_recall=recall,
    )


def _trials_of(release_id: str, records: Iterable[ProbeRecord]) -> list[ProbeRecord]:
    return [each for each in records if each.release == release_id and each.stable]


def _trial(observed: Observed, records: Records, running: str) -> Task | None:
    stable, canary = observed.revision("stable"), observed.revision("canary")
    if observed.rollout is None or observed.rollout.aborted or not canary or not stable:
        return None
    if canary.release is None or stable.release is None:
        return None
    key = trial_key(observed.collection, canary.release.id, stable.release.id, canary.hash)
    record = records.get(key)
    if (record is not None and record.state == "done") or not (canary.ready or key == running):
        return None
    return Task(
        key=key,
        release=canary.release,
        hash=canary.hash,
        config_map=canary.config_map,
        stable=stable.release,
        stable_hash=stable.hash,
    )


def _watch(observed: Observed, records: Records, now: datetime, every_s: float, *, running: str) -> Task | None:
    stable = observed.revision("stable")
    if stable is None or stable.release is None or stable.release.evaluation is None or every_s <= 0:
        return None
    key = probe_key(observed.collection, stable.release.id)
    is_due = key not in records or _is_due(records[key], now, every_s)
    if key != running and not (is_due and stable.ready):
        return None
    return Task(key=key, release=stable.release, hash=stable.hash, config_map=stable.config_map)


def _is_due(record: ProbeRecord, now: datetime, every_s: float) -> bool:
    age = (now - datetime.fromisoformat(record.at)).total_seconds()
    return age >= (every_s if record.state == "done" else min(AGAIN_S, every_s))


def on_show(observed: Observed, records: Records) -> dict[str, ProbeRecord]:
    """By release id, the record that says most about the releases that serve: the watch of stable, else a trial's."""
    found: dict[str, ProbeRecord] = {}
    for revision in (observed.revision("stable"), observed.revision("canary")):
        record = _of(revision, observed.collection, records)
        if revision is not None and revision.release is not None and record is not None:
            found[revision.release.id] = record
    return found


def _of(revision: Revision | None, collection: str, records: Records) -> ProbeRecord | None:
    if revision is None or revision.release is None:
        return None
    release_id = revision.release.id
    watch = records.get(probe_key(collection, release_id))
    trials = [each for each in _trials_of(release_id, records.values()) if each.values]
    if revision.role == "stable" and watch is not None and watch.values:
        return watch
    return max(trials, key=lambda each: each.at, default=watch)
