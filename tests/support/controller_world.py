"""A tiny model of everything around the controller's judgment, for a simulation: Git, Rollouts, Jobs, Elasticsearch.

Things happen to it in any order (`happen`), actions are applied to it one by one (`apply`), and it is looked at
(`observe`). It keeps the promises that the real parts keep: a flip compares before it moves, and a deletion looks
again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from support.observing import COLLECTION, POOL, at, flip, follower, job, quarantine, record, rollout, view
from turnout.controller.actions import Action, Condemn, Fill, Flip, Follow, Propose, Retire, Standing, Stop, Verify
from turnout.controller.building import must_fill, path
from turnout.controller.observed import FailedAnalysis, Observed, Revision, SeenView, Work
from turnout.controller.retiring import to_retire
from turnout.controller.seen import complete_view, filled_view, serving
from turnout.elastic.state import FlipRecord, Quarantine, ReleaseRecord, ReleaseState
from turnout.plan import ChangeMapping
from turnout.release.artifacts import Release

RELEASES = {release.id: release for release in POOL}
RARE = ("time", "hand", "lose", "lag", "freeze", "unsettle", "unread", "rebuild")
EVENTS = ("push",) * 3 + ("rollouts",) * 4 + ("job",) * 8 + RARE
"""What can happen; what drives a rollout on comes more often than what disturbs it."""
VERDICT = FailedAnalysis(run="run", metric="errors", reason="too many")


@dataclass
class World:
    """The state of one collection; `revisions` are (hash, release id), oldest first."""

    revisions: list[tuple[str, str]] = field(default_factory=list)
    spec: str = ""
    stable: str = ""
    aborted: bool = False
    failed: bool = False
    settled: bool = True
    frozen: bool = False
    unread: bool = False
    work: dict[str, Work] = field(default_factory=dict)
    views: dict[str, SeenView] = field(default_factory=dict)
    records: dict[str, ReleaseRecord] = field(default_factory=dict)
    flips: list[FlipRecord] = field(default_factory=list)
    targets: frozenset[str] = frozenset()
    quarantined: dict[str, Quarantine] = field(default_factory=dict)
    minute: int = 1

    def observe(self) -> Observed:
        """What the controller sees."""
        failed = VERDICT if self.failed else None
        return Observed(
            collection=COLLECTION,
            rollout=rollout(aborted=self.aborted, settled=self.settled) if not failed else self._aborted(),
            revisions=tuple(self._revisions()),
            work=tuple(self.work.values()),
            views=tuple(self.views.values()),
            records=tuple(sorted(self.records.values(), key=lambda item: item.at)),
            flips=tuple(self.flips),
            targets=self.targets,
            quarantined=dict(self.quarantined),
            shards=4,
            frozen="an audit" if self.frozen else "",
        )

    def _aborted(self) -> Any:
        return replace(rollout(failed=True), settled=self.settled)

    def _revisions(self) -> list[Revision]:
        found = []
        before = [hash for hash, _ in self.revisions if hash not in (self.stable, self.spec)][-1:]
        for number, (hash, release_id) in reversed(list(enumerate(self.revisions, 1))):
            role: Any = "stable" if hash == self.stable else "canary" if hash == self.spec else "former"
            release = None if self.unread and role == "canary" else RELEASES[release_id]
            found.append(
                Revision(
                    hash=hash, number=number, role=role, config_map=f"release-{release_id}", release=release,
                    problem="" if release else "no such ConfigMap", in_window=role == "former" and hash in before,
                    ready=2 if role == "stable" and self._can_serve(RELEASES[release_id]) else 0,
                )
            )  # fmt: skip
        return found

    def _can_serve(self, release: Release) -> bool:
        if release.id in self.quarantined:
            return False
        kept = self.records.get(release.id)
        named = self.views.get(kept.view or "") if kept and kept.state in ("ready", "live", "former") else None
        return named is not None and release.fingerprints.index in named.view.meta.index_fingerprints

    def release_of(self, hash: str) -> Release | None:
        """The release of a revision, whether its ConfigMap can be read or not."""
        return next((RELEASES[release_id] for name, release_id in self.revisions if name == hash), None)

    # What happens

    def happen(self, event: str, number: int, standings: tuple[Standing, ...]) -> None:
        """One event of `EVENTS`; `number` chooses what it is about. `standings` are the controller's metrics."""
        self.minute += 1
        if event == "rollouts":
            self._roll(number, {found.hash: found.state for found in standings})
        else:
            getattr(self, f"_{event}")(number)
        # Seen once and over with the next event, or else a history would mostly stand still.
        self.settled, self.unread = event != "unsettle", event == "unread"

    def _time(self, _: int) -> None:
        self.work = {name: replace(work, seconds_ago=work.seconds_ago + 300) for name, work in self.work.items()}

    def _hand(self, number: int) -> None:
        self.targets = frozenset([[*self.views, "stray", ""][number % (len(self.views) + 2)]]) - {""}

    def _lose(self, number: int) -> None:
        if self.views:
            self._delete(list(self.views)[number % len(self.views)])

    def _lag(self, number: int) -> None:
        self.views = {name: replace(seen, behind=(0, 5000, None)[number % 3]) for name, seen in self.views.items()}

    def _freeze(self, _: int) -> None:
        self.frozen = not self.frozen

    def _unsettle(self, _: int) -> None:
        """Argo has not observed the spec yet."""

    def _unread(self, _: int) -> None:
        """The canary's ConfigMap is missing."""

    def _rebuild(self, _: int) -> None:
        self.revisions = [pair for pair in self.revisions if pair[0] == self.spec]
        self.stable, self.aborted, self.failed, self.work = self.spec, False, False, {}

    def _push(self, number: int) -> None:
        release_id = list(RELEASES)[number % 4]
        hash = f"{release_id}-{number // 4}"
        self.revisions = [pair for pair in self.revisions if pair[0] != hash] + [(hash, release_id)]
        self.spec, self.aborted, self.failed = hash, False, False
        self.stable = self.stable or hash

    def _roll(self, number: int, states: dict[str, str]) -> None:
        if self.spec == self.stable or self.aborted or self.unread:
            return
        state = states.get(self.spec)
        if state in ("failed", "quarantined") or (state == "ready" and number % 4 == 1):
            self.aborted = self.failed = True
        elif number % 4 == 2:
            self.aborted = True  # somebody aborts it, or Prometheus can't be reached
        elif state == "ready":
            self.stable = self.spec

    def _job(self, number: int) -> None:
        running = [work for work in self.work.values() if work.purpose != "follow" and not work.ended]
        if running:
            work = running[number % len(running)]
            outcome = ("pass", "pass", "pass", "pass", "pass", "fail", "inconclusive", "crash")[number % 8]
            self.end(work, outcome if work.purpose == "verify" or outcome == "crash" else "pass")

    def end(self, work: Work, outcome: str) -> None:
        """A Job ends: `pass`, `fail` (a verdict), `inconclusive`, or `crash`."""
        release = RELEASES[work.release_id]
        if outcome != "crash":
            self._prepare(release, is_verified=work.purpose == "verify")
        if outcome != "crash" and work.purpose == "verify":
            states: dict[str, ReleaseState] = {"pass": "ready", "fail": "failed", "inconclusive": "verifying"}
            self._remember(release, states[outcome], "" if outcome == "pass" else f"parity: {outcome}")
        ended: Any = "complete" if outcome == "pass" else "failed"
        self.work[work.name] = replace(work, ended=ended, reason="" if outcome == "pass" else "BackoffLimitExceeded")

    def _prepare(self, release: Release, *, is_verified: bool) -> None:
        """What walking the plan does up to the verification."""
        seen = self.observe()
        if filled_view(release, seen) is None:
            if not is_verified or must_fill(release, seen):
                made = serving(release, seen)
                name = made[-1].view.index if made else f"v-{release.id}-{self.minute}"
                fresh = view(release, name=name)
                meta = replace(fresh.view.meta, created_at=at(self.minute))
                self.views[name] = replace(fresh, view=replace(fresh.view, meta=meta))
            else:
                (target,) = [stage.view for stage in path(release, seen) if isinstance(stage, ChangeMapping)]
                old = self.views[target]
                also = (*old.view.meta.index_fingerprints, release.fingerprints.index)
                meta = replace(old.view.meta, index_fingerprints=also)
                self.views[target] = replace(old, view=replace(old.view, meta=meta))
        self.minute += 1
        self._remember(release, "building", "")

    def _remember(self, release: Release, state: ReleaseState, reason: str) -> None:
        found = filled_view(release, self.observe())
        assert found is not None
        old = self.records.get(release.id)
        if old is not None and old.state in ("live", "former") and old.view == found.view.index:
            return
        self.records[release.id] = record(release, state, of=found.view.index, reason=reason, minute=self.minute)

    def _delete(self, name: str) -> None:
        del self.views[name]
        self.targets -= {name}

    # What the controller does

    def apply(self, action: Action, *, half: bool = False) -> None:
        """One action, as `act` does it. `half`: it is killed after the first of its writes."""
        self.minute += 1
        match action:
            case Fill() | Verify():
                purpose = "fill" if isinstance(action, Fill) else "verify"
                made = job(purpose, RELEASES[action.release_id], hash=action.hash)
                self.work.setdefault(made.name, made)
            case Follow():
                made = follower(action.view, RELEASES[action.release_id], hash=action.hash)
                self.work[made.name] = made
            case Stop(name=name):
                self.work.pop(name, None)
            case Flip():
                self._flip(action, half)
            case Condemn():
                stable = RELEASES[action.stable] if action.stable else None
                self.quarantined.setdefault(action.release_id, quarantine(RELEASES[action.release_id], stable=stable))
            case Propose(release_id=release_id):
                self.quarantined[release_id] = replace(self.quarantined[release_id], proposal="https://git/1")
            case Retire(view=name):
                self._retire(name, half)

    def _retire(self, name: str, half: bool) -> None:
        if name not in to_retire(self.observe()):
            return
        for kept in list(self.records.values()):
            if kept.view == name and kept.state != "failed":
                self.records[kept.release_id] = replace(kept, state="retired", at=at(self.minute))
        if not half:
            self._delete(name)

    def _flip(self, action: Flip, half: bool) -> None:
        release = RELEASES[action.release_id]
        if action.view not in self.views or self.targets not in (frozenset(action.expect), {action.view}):
            return
        self.targets = frozenset({action.view})
        if half and self.minute % 2:
            return
        last = self.flips[-1] if self.flips else None
        if last is None or (last.to_view, last.to_release) != (action.view, action.release_id):
            self.flips.append(replace(flip(release, minute=self.minute), to_view=action.view))
        if half:
            return
        told = self.records.get(release.id)
        if told is not None and (told.state, told.view) == ("live", action.view):
            return
        for kept in list(self.records.values()):
            if kept.state == "live":
                self.records[kept.release_id] = replace(kept, state="former", at=at(self.minute))
        self.records[release.id] = record(release, "live", of=action.view, minute=self.minute)

    # At the end

    def calm_down(self) -> None:
        """Nothing more happens from outside: everything can be read, nothing is frozen, writes are worked off."""
        self.settled, self.frozen, self.unread = True, False, False
        self.views = {name: replace(seen, behind=0) for name, seen in self.views.items()}
        self.work = {name: replace(work, seconds_ago=work.seconds_ago + 3600) for name, work in self.work.items()}

    def stable_view(self) -> str | None:
        """The view that the stable release was verified on."""
        release = self.release_of(self.stable)
        found = complete_view(release, self.observe()) if release is not None else None
        return found.view.index if found is not None else None
