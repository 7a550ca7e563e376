"""The restore itself. Every step looks at what is there first, so that it may be killed anywhere and run again.

Nobody sees the documents before the ledger was replayed: they are restored under a scratch name without aliases,
and only a clone of that takes the place of the documents index. Followers notice by themselves that it is another
incarnation: they raise the epoch, and what isn't in it leaves their views.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from turnout.elastic.reader import Reader
from turnout.elastic.snapshots import SnapshotReader, SnapshotWriter
from turnout.elastic.views import write_alias
from turnout.elastic.writer import Writer
from turnout.errors import EnvironmentProblem, Refused, Unavailable
from turnout.ledger import Ledger, read
from turnout.restore.catching_up import catch_up
from turnout.restore.look import Plan, coverage, refused_gap
from turnout.restore.mark import Mark, own_mark, put_mark, read_mark, require_documents, scratch_name
from turnout.restore.replay import LIVE, histories, replay, replayed, require_whole, superseded
from turnout.restore.report import Report

# (phase, done, of); of is 0 while it isn't known.
Tell = Callable[[str, int, int], None]


@dataclass
class Restoration:
    """One restore. `run` does it.

    Args:
        plan: of `look`.
        now: the clock, ISO 8601 in UTC.
        tell: called with the progress of each phase.
        patience_s: how long a step may stand still, in seconds.
    """

    plan: Plan
    reader: Reader
    writer: Writer
    snapshots: SnapshotReader
    bringer: SnapshotWriter
    now: Callable[[], str]
    tell: Tell = lambda *_: None
    patience_s: float = 300.0
    _seconds: dict[str, float] = field(default_factory=dict)
    _ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self._ledger = self.plan.ledger

    def run(self) -> Report:
        """Restore, replay, prove, and put the documents into their place.

        Raises:
            Refused: the ledger lacks deletes, or the snapshot isn't of this collection. The documents are untouched.
            EnvironmentProblem: it doesn't go on, or the figures don't add up; the documents are untouched.
            Unavailable: Elasticsearch went away; run it again.
        """
        if self.plan.finishing:
            mark, gap = self._mark(), self.plan.gap
            ids, _ = replayed(self.reader, self._scratch, mark)
        else:
            mark = self._restored()
            with self._old_blocked(mark) as gap:
                ids = self._replay(mark)
                self._put_in_place(mark)
        self._finish(mark, len(ids))
        return self._report(mark, ids, gap)

    @property
    def _scratch(self) -> str:
        return scratch_name(self.plan.names)

    @property
    def _documents(self) -> str:
        return self.plan.names.documents

    def _mark(self) -> Mark:
        mark = own_mark(self.reader.describe(self._scratch))
        if mark is None:
            raise EnvironmentProblem("the scratch index went away", where=self._scratch, remedy="run it again")
        return mark

    def _restored(self) -> Mark:
        """The snapshot in the scratch index, marked; what an earlier run left there is used if it is the same."""
        if self.plan.resumes:
            return self._mark()
        with self._timed("restore"):
            self.writer.delete_index(self._scratch)
            self.bringer.restore(self.plan.snapshot, self._documents, self._scratch)
            self._wait_until_up(self._scratch, "restore")
        try:
            described = require_documents(self.reader, self.plan.names, self._scratch)
        except Refused:
            self.writer.delete_index(self._scratch)
            raise
        self.reader.refresh(self._scratch)
        shards = self.reader.shards(self._scratch)
        mark = Mark(
            run=described["settings"]["index"]["uuid"],
            repository=self.plan.snapshot.repository,
            snapshot=self.plan.snapshot.name,
            snapshot_at=self.plan.snapshot.started_at,
            created=int(described["settings"]["index"]["creation_date"]),
            checkpoints=shards.checkpoints if shards else {},
            live=self.reader.count(self._scratch, LIVE),
        )
        put_mark(self.writer, self._scratch, described, mark)
        return mark

    @contextmanager
    def _old_blocked(self, mark: Mark) -> Iterator[str]:
        """Nobody writes to the documents that are replaced, and the ledger has all of their deletes.

        Gives the gap that is accepted. If it comes to nothing, they take writes again and the scratch index goes only
        if it was refused.
        """
        choice = self.plan.choice
        try:
            gap = ""
            if self.plan.replaces:
                self.bringer.block_writes(self._documents)
                if choice.ledger:
                    with self._timed("ledger"):
                        gap = catch_up(self.reader, self.plan.names, choice.ledger, now=self.now)
                    self._ledger = read(choice.ledger)
            gap = self.plan.gap or coverage(self._ledger, mark) or gap
            if gap and not choice.accept_gap:
                self.writer.delete_index(self._scratch)
                raise refused_gap(gap, self.plan.names)
            yield gap
        except BaseException:
            if self.plan.replaces:
                self.bringer.allow_writes(self._documents)
            raise

    def _replay(self, mark: Mark) -> frozenset[str]:
        """The ids of the tombstones that the scratch index has beyond its snapshot."""
        found = histories(self._ledger, mark.created)
        with self._timed("replay"):
            self.bringer.allow_writes(self._scratch)  # an earlier run may have got further
            replay(self.reader, self.writer, self._scratch, found, told=self._told("replay"), at=self.now())
            self.bringer.block_writes(self._scratch)  # what is proven stays so
            if self._mark() != mark:
                raise EnvironmentProblem(
                    "somebody else restores the same documents", where=self._scratch, remedy="let one of you end first"
                )
            return require_whole(self.reader, self._scratch, found, mark)

    def _told(self, phase: str) -> Callable[[int, int], None]:
        return lambda done, of: self.tell(phase, done, of)

    def _put_in_place(self, mark: Mark) -> None:
        """Clone the scratch index to its final name."""
        with self._timed("clone"):
            if self.plan.replaces:
                self._require_old()
                self.writer.delete_index(self._documents)
            aliases = {write_alias(self._documents): {"is_hidden": True}}
            made = self.bringer.clone(self._scratch, self._documents, aliases=aliases)
            if not made and read_mark(self.reader.describe(self._documents)) != mark:
                raise Refused(
                    "somebody made a documents index meanwhile",
                    where=self._documents,
                    remedy="stop what ingests, and run it again with --replace",
                )
            self._wait_until_up(self._documents, "clone")

    def _require_old(self) -> None:
        """What is deleted is what the plan named, and not what another run has restored since."""
        if read_mark(self.reader.describe(self._documents)) != self.plan.documents:
            raise Refused(
                "the documents index was restored by somebody else meanwhile",
                where=self._documents,
                remedy="look again",
            )

    def _finish(self, mark: Mark, deletes: int) -> None:
        """Prove what is in place, as far as nobody has written there since, and remove the scratch index."""
        self._wait_until_up(self._documents, "clone")
        self.reader.refresh(self._documents)
        live, in_place = self.reader.count(self._documents, LIVE), read_mark(self.reader.describe(self._documents))
        if in_place != mark or (live != mark.live - deletes and not self._was_written_to()):
            raise EnvironmentProblem(
                f"{self._documents} has {live:,} live documents, and {mark.live - deletes:,} were restored",
                where=self._documents,
                remedy=f"look who writes there; {self._scratch} has what was restored",
            )
        self.writer.delete_index(self._scratch)

    def _was_written_to(self) -> bool:
        """Whether the documents have operations that the scratch index, which takes no writes, lacks."""
        made, now = self.reader.shards(self._scratch), self.reader.shards(self._documents)
        return made is not None and now is not None and made.checkpoints != now.checkpoints

    def _report(self, mark: Mark, ids: frozenset[str], gap: str) -> Report:
        found = histories(self._ledger, mark.created)
        own = [section for section in self._ledger.sections if section.created == mark.created]
        behind = [sum(section.synced.get(n, -1) - upto for n, upto in mark.checkpoints.items()) for section in own]
        return Report(
            collection=self.plan.names.collection,
            repository=mark.repository,
            snapshot=mark.snapshot,
            restored=mark.live,
            replayed=len(ids),
            superseded=superseded(found, ids),
            live=mark.live - len(ids),
            lost_since=mark.snapshot_at,
            lost_operations=max(behind[0], 0) if len(behind) == 1 else None,
            ledger_synced_at=self._ledger.synced_at,
            gap=gap,
            seconds={phase: round(seconds, 2) for phase, seconds in self._seconds.items()},
        )

    def _wait_until_up(self, index: str, phase: str) -> None:
        """Wait until every primary is there; gives up if nothing moves for as long as the patience lasts."""
        before, since = (-1, -1), time.monotonic()
        while not self._is_up(index):
            seen = self.snapshots.recovered(index)
            self.tell(phase, seen.bytes, seen.total_bytes)
            if (seen.done, seen.bytes) != before:
                before, since = (seen.done, seen.bytes), time.monotonic()
            if time.monotonic() - since > self.patience_s:
                raise EnvironmentProblem(
                    f"making this index hasn't moved for {self.patience_s:g} s",
                    where=index,
                    remedy="see GET _cluster/allocation/explain, mend that, and run the same command again",
                )
            time.sleep(0.2)

    def _is_up(self, index: str) -> bool:
        try:
            return self.reader.shards(index) is not None
        except Unavailable:
            return False

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        began = time.monotonic()
        self.tell(phase, 0, 0)
        try:
            yield
        finally:
            self._seconds[phase] = self._seconds.get(phase, 0.0) + time.monotonic() - began
