"""Whatever is written, deleted, lost and killed: no delete that was synced comes back, and nothing else goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from support.fake_documents import FakeDocuments, Index
from turnout.elastic.names import Names
from turnout.elastic.reader import Hit
from turnout.ledger import Keeper, LedgerFile, read
from turnout.restore.look import coverage
from turnout.restore.mark import Mark
from turnout.restore.replay import histories, replay, require_whole

NAMES = Names("toys")
START = datetime(2026, 1, 1, tzinfo=UTC)
IDS = ("default:a", "default:b", "default:c")
SCRATCH = "scratch"

WRITE = st.tuples(st.just("write"), st.sampled_from(IDS), st.sampled_from("xy"), st.integers(-500, 500))
DELETE = st.tuples(st.just("delete"), st.sampled_from(IDS), st.just(""), st.integers(-500, 500))
SYNC = st.tuples(st.just("sync"), st.just(""), st.just(""), st.just(0))
KILL = st.tuples(st.just("kill"), st.just(""), st.just(""), st.integers(0, 400))
SNAPSHOT = st.tuples(st.just("snapshot"), st.just(""), st.just(""), st.just(0))
STEPS = st.lists(st.one_of(WRITE, DELETE, DELETE, SYNC, KILL, SNAPSHOT), min_size=3, max_size=25)
Step = tuple[str, str, str, int]


@dataclass
class World:
    """Documents, a ledger file, and what an outsider remembers of both."""

    path: Path
    index: Index = field(default_factory=Index)
    clock: int = 0
    skewed: bool = True
    snapshots: list[Index] = field(default_factory=list)
    seen: list[dict[str, Hit]] = field(default_factory=list)
    """All documents at each sync."""
    glimpsed: list[dict[str, Hit]] = field(default_factory=list)
    """All documents at each sync that was killed: it may have written some of them down."""

    def play(self, steps: list[Step]) -> None:
        """Do the steps, one after the other."""
        for name, id_, content, number in steps:
            self.clock += 1
            match name:
                case "write" | "delete":
                    self.put(id_, content, deleted=name == "delete", skew=number)
                case "sync":
                    self.sync()
                case "kill":
                    self.sync(keep=number)
                case _:
                    self.snapshots.append(self.index.restored())

    def put(self, id_: str, content: str, *, deleted: bool, skew: int) -> None:
        """What the write API does; the clocks of writers differ."""
        before = self.index.hits.get(id_)
        if deleted and (before is None or before.source["deleted"]):
            return
        at = START + timedelta(seconds=self.clock + (skew if self.skewed else 0))
        source: dict[str, Any] = {"deleted": deleted, "content_hash": content, "updated_at": at.isoformat()}
        self.index.put(id_, source | {"order": self.clock})

    def sync(self, *, keep: int | None = None) -> None:
        """One pass of the keeper; killed when only `keep` bytes of it had reached the disk."""
        server = FakeDocuments(**{NAMES.documents: self.index})
        before = self.path.stat().st_size if self.path.exists() else 0
        with LedgerFile(self.path, NAMES.documents) as file:
            before = min(before, self.path.stat().st_size)
            Keeper(server, NAMES, file, now=lambda: START.isoformat()).sync(page_size=1)  # type: ignore[arg-type]
        data = self.path.read_bytes()
        if keep is not None:
            self.path.write_bytes(data[: before + keep])
        if keep is None or before + keep >= len(data):
            self.seen.append(dict(self.index.hits))
        else:
            self.glimpsed.append(dict(self.index.hits))

    def restore(self, snapshot: Index) -> bool:
        """Restore a snapshot and replay; False if it would be refused."""
        ledger = read(self.path)
        scratch = snapshot.restored()
        mark = Mark(
            run="",
            repository="",
            snapshot="",
            snapshot_at="",
            created=scratch.created,
            checkpoints=dict(scratch.checkpoints),
            live=sum(not hit.source["deleted"] for hit in scratch.hits.values()),
        )
        if coverage(ledger, mark):
            return False
        server: Any = FakeDocuments(**{SCRATCH: scratch})
        found = histories(ledger, mark.created)
        replay(server, server, SCRATCH, found, told=lambda *_: None, at=START.isoformat())
        require_whole(server, SCRATCH, found, mark)
        self.index = scratch.cloned()
        return True


def check(snapshot: Index, world: World, after: Callable[[Hit, Hit], bool]) -> None:
    """The promise, told without the ledger: by what an outsider saw at each sync."""
    for id_, known in snapshot.hits.items():
        now = world.index.hits[id_]
        if known.source["deleted"]:
            assert now.source["deleted"]
            continue
        if not any(after(delete, known) for delete in deletes(world.seen, id_)):
            if any(after(delete, known) for delete in deletes(world.glimpsed, id_)):
                continue  # deleted and written again, which the ledger may know or not
            assert now == known, "a document is lost that nobody deleted after the snapshot"
            continue
        last = next(state[id_] for state in reversed(world.seen) if id_ in state)
        same = not last.source["deleted"] and last.source["content_hash"] == known.source["content_hash"]
        assert now.source["deleted"] is not same, "a delete is undone" if not now.source["deleted"] else "lost"


def deletes(states: list[dict[str, Hit]], id_: str) -> list[Hit]:
    """The tombstones of a document among what was seen."""
    return [state[id_] for state in states if id_ in state and state[id_].source["deleted"]]


@settings(max_examples=50, deadline=None)
@given(STEPS, STEPS)
def test_a_restore_undoes_no_synced_delete_and_loses_nothing_else_whatever_the_clocks_say(
    before: list[Step], after: list[Step]
) -> None:
    with TemporaryDirectory() as folder:
        world = World(Path(folder) / "ledger")
        world.play([*before, ("snapshot", "", "", 0), *after, ("sync", "", "", 0)])
        for snapshot in world.snapshots:
            world.index = snapshot
            assert world.restore(snapshot)
            check(snapshot, world, lambda delete, known: delete.seq_no > known.seq_no)


@settings(max_examples=50, deadline=None)
@given(STEPS, st.integers(0, 99), STEPS, st.integers(0, 99))
def test_deletes_of_every_life_of_the_documents_survive_a_restore_of_any_earlier_snapshot(
    first: list[Step], one: int, second: list[Step], other: int
) -> None:
    with TemporaryDirectory() as folder:
        world = World(Path(folder) / "ledger", skewed=False)
        world.play([("snapshot", "", "", 0), *first, ("snapshot", "", "", 0), ("sync", "", "", 0)])
        assert world.restore(world.snapshots[one % len(world.snapshots)])
        world.play([*second, ("sync", "", "", 0)])
        snapshot = world.snapshots[other % len(world.snapshots)]
        assert world.restore(snapshot)
        check(snapshot, world, lambda a, b: a.source["updated_at"] > b.source["updated_at"])


@settings(max_examples=30, deadline=None)
@given(STEPS, st.integers(0, 3000), st.binary(max_size=30))
def test_what_a_crash_leaves_of_the_file_is_read_again_and_nothing_synced_is_forgotten(
    steps: list[Step], keep: int, torn: bytes
) -> None:
    with TemporaryDirectory() as folder:
        world = World(Path(folder) / "ledger")
        world.play([*steps, ("sync", "", "", 0)])
        synced = world.path.read_bytes()
        world.play([("write", IDS[0], "x", 0), ("delete", IDS[0], "", 0), ("kill", "", "", keep)])
        with world.path.open("ab") as file:
            file.write(torn.replace(b"synced", b"......"))
        world.sync()
        assert world.path.read_bytes().startswith(synced)
        state: dict[str, bool] = {}
        for section in read(world.path).sections:
            state |= {change.id: change.deleted for change in section.changes}
        deleted = {id_ for id_, hit in world.index.hits.items() if hit.source["deleted"]}
        assert {id_ for id_, gone in state.items() if gone} == deleted
