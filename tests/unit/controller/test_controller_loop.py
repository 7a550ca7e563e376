"""The loop: who doesn't lead does nothing, what fails holds up nothing else, and people are told once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from support.fake_cluster import NAMESPACE, FakeApi, FakeMemory, pattern, release_map, replica_set, rollout
from support.observing import view
from support.releases import make_release
from turnout.canary.judgment import Judgment
from turnout.controller import flips, indexes, reconcile
from turnout.controller.actions import Action, Collect, Condemn, Decision, Fill, Flip, Propose, Stop, Verify
from turnout.controller.board import Board
from turnout.controller.environment import claim
from turnout.controller.loop import Loop
from turnout.controller.observed import Observed
from turnout.controller.reconcile import Counts, Reconciler
from turnout.controller.tools import Deposed, Tools
from turnout.elastic.names import Names
from turnout.elastic.state import Quarantine, ReleaseRecord, RolloutRecord
from turnout.errors import Refused, Unavailable
from turnout.githost import GitHost, Revert
from turnout.kube.reader import Reader
from turnout.kube.writer import Writer

A, B = (make_release(pipeline={"chunk": {"size": size}}) for size in (64, 48))
FILL, VERIFY = Fill(release_id=B.id, hash="bbb", shards=2), Verify(release_id=B.id, hash="bbb")


class Host:
    """A Git host that answers what the test says."""

    def __init__(self) -> None:
        self.answer: str | Exception | None = "https://git/1"
        self.asked: list[Revert] = []

    def propose(self, revert: Revert) -> str | None:
        self.asked.append(revert)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class World:
    """A collection of which every look decides `decision`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.api, self.memory, self.host = FakeApi(), FakeMemory(), Host()
        for name, release in (("release-a", A), ("release-b", B)):
            self.api.put("configmaps", release_map(name, release))
        self.api.put("replicasets", replica_set("aaa", 1, "release-a", ready=3))
        self.api.put("replicasets", replica_set("bbb", 2, "release-b"))
        self.api.put("rollouts", rollout("aaa", "bbb", "release-b"))
        self.api.put("podtemplates", pattern())
        self.leads, self.asked = True, 0
        self.decision = Decision(actions=(), standings=(), problems={})
        self.registry = CollectorRegistry()
        self.board, self.counts = Board(lambda: self.leads), Counts(self.registry)
        self.registry.register(self.board)
        monkeypatch.setattr(reconcile, "desired", self.decide)

    def decide(self, observed: Observed, *, spare_s: float) -> Decision:
        assert spare_s == 3600.0
        return self.decision

    def decides(self, *actions: Action, **problems: str) -> None:
        self.decision = Decision(actions=actions, standings=(), problems=problems)

    def tools(self, collection: str = "toys", check: Callable[[], None] = lambda: None) -> Tools:
        def host() -> GitHost:
            return self.host

        return Tools(
            kube=Reader(self.api, NAMESPACE),
            kube_writer=Writer(self.api, NAMESPACE),
            elastic=self.memory,  # type: ignore[arg-type]
            elastic_writer=self.memory,  # type: ignore[arg-type]
            names=Names(collection),
            host=host,
            check=check,
            now=self.now,
        )

    def now(self) -> str:
        """A second later each time, as a round is."""
        self.asked += 1
        return datetime.fromtimestamp(1_767_000_000 + self.asked, UTC).isoformat(timespec="milliseconds")

    def reconciler(self) -> Reconciler:
        return Reconciler(self.tools(), self.board, self.counts)

    def loop(self) -> Loop:
        return Loop(
            Reader(self.api, NAMESPACE), self.tools, self.board, self.counts, leads=lambda: self.leads, period_s=0.01
        )

    def events(self) -> list[tuple[str, str, str]]:
        found = [body for (kind, _), body in self.api.objects.items() if kind == "events"]
        return [(each["type"], each["reason"], each["message"]) for each in found]

    def record(self) -> RolloutRecord:
        record = self.memory.records["rollout:toys"]
        assert isinstance(record, RolloutRecord)
        return record


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_a_round_makes_what_is_missing_once(world: World) -> None:
    world.decides(FILL, VERIFY)
    reconciler = world.reconciler()
    reconciler.round()
    reconciler.round()
    assert world.api.names("jobs") == ["fill-toys-bbb", "verify-toys-bbb"]
    assert (
        world.registry.get_sample_value("turnout_controller_actions_total", {"collection": "toys", "action": "fill"})
        == 1.0
    )
    assert [reason for _, reason, _ in world.events()] == ["Fill", "Verify"]


def test_an_action_that_fails_holds_up_no_other_and_is_told(world: World) -> None:
    world.decides(
        Verify(release_id="r-x", hash="gone"), Condemn(release_id=A.id, by="x", reason="y", stable=None), FILL
    )
    world.reconciler().round()
    assert world.api.names("jobs") == ["fill-toys-bbb"]
    assert [text.partition(":")[0] for text in world.record().problems] == ["condemn-failed", "verify-failed"]
    assert world.registry.get_sample_value("turnout_reconcile_errors_total", {"collection": "toys"}) == 2.0


def test_an_error_that_nobody_foresaw_holds_up_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Writer, name: str) -> None:
        raise ZeroDivisionError(name)

    monkeypatch.setattr(Writer, "delete_job", broken)
    world.decides(Stop(name="x", purpose="fill", why="y"), FILL)
    world.reconciler().round()
    assert world.api.names("jobs") == ["fill-toys-bbb"]
    assert world.record().problems == ("stop-failed: ZeroDivisionError: x",)


def test_an_error_that_nobody_foresaw_is_logged_with_its_traceback_once(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: Writer, name: str) -> None:
        raise ZeroDivisionError(name)

    def bug(observed: Observed, *, spare_s: float) -> Decision:
        raise KeyError("bug")

    monkeypatch.setattr(Writer, "delete_job", broken)
    world.decides(Stop(name="x", purpose="fill", why="y"))
    reconciler = world.reconciler()
    reconciler.round()
    reconciler.round()
    monkeypatch.setattr(reconcile, "desired", bug)
    reconciler.round()
    reconciler.round()
    kinds = [record.exc_info[0] for record in caplog.records if record.exc_info]
    assert kinds == [ZeroDivisionError, KeyError]
    problem = {"collection": "toys", "problem": "round-failed"}
    assert world.registry.get_sample_value("turnout_controller_problem", problem) == 1.0


def test_a_problem_is_told_when_it_comes_changes_and_goes_and_not_in_between(world: World) -> None:
    reconciler = world.reconciler()
    for sentence in ("one", "one", "two", "two"):
        world.decides(**{"alias-moved": sentence})
        reconciler.round()
    world.decides()
    reconciler.round()
    reconciler.round()
    assert world.events() == [
        ("Warning", "AliasMoved", "one"),
        ("Warning", "AliasMoved", "two"),
        ("Normal", "AliasMoved", "over: two"),
    ]


def test_the_record_has_a_problem_before_anything_is_done_about_it_and_a_minute_after(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends_here(self: Writer, name: str) -> None:
        raise Deposed

    monkeypatch.setattr(Writer, "delete_job", ends_here)
    world.decides(Stop(name="x", purpose="fill", why="y"), **{"alias-moved": "by hand"})
    reconciler = world.reconciler()
    reconciler.round()
    assert world.record().problems == ("alias-moved: by hand",)
    world.decides(**{"alias-moved": "by hand"})
    reconciler.round()
    world.decides()
    for _ in range(2):
        reconciler.round()
        assert world.record().problems == ("alias-moved: over: by hand",)
    monkeypatch.setattr("turnout.controller.lingering.LINGER_S", 0.0)
    reconciler.round()
    assert world.record().problems == ()


def test_what_cannot_be_seen_for_a_while_is_not_told_to_be_over(world: World) -> None:
    reconciler = world.reconciler()
    world.decides(frozen="incident")
    reconciler.round()
    world.memory.down = True
    reconciler.round()
    reconciler.round()
    world.memory.down = False
    reconciler.round()
    outage = "Elasticsearch can't be reached: refused"
    assert world.events() == [
        ("Warning", "Frozen", "incident"),
        ("Warning", "Unavailable", outage),
        ("Normal", "Unavailable", f"over: {outage}"),
    ]


def test_after_a_restart_a_problem_is_told_once_more_at_most(world: World) -> None:
    world.decides(frozen="incident")
    for _ in range(2):
        reconciler = world.reconciler()
        reconciler.round()
        reconciler.round()
    assert len(world.events()) <= 2


def test_events_that_cant_be_written_hold_up_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Writer, body: object) -> None:
        raise Refused("no events here")

    monkeypatch.setattr(Writer, "create_event", broken)
    world.decides(FILL, frozen="incident")
    world.reconciler().round()
    assert world.record().problems == ("frozen: incident",)


def test_an_event_is_short_enough_for_kubernetes(world: World) -> None:
    world.decides(**{"release-unreadable": "x" * 5000})
    world.reconciler().round()
    ((_, _, message),) = world.events()
    assert len(message) <= 1024


def test_the_record_is_written_when_it_changes_and_not_otherwise_also_after_a_restart(world: World) -> None:
    world.reconciler().round()
    world.reconciler().round()
    assert world.memory.writes == 1
    record = world.record()
    assert (record.rollout, record.phase, record.stable, record.canary) == ("search-toys", "Progressing", A.id, B.id)
    world.api.put("rollouts", rollout("aaa", "bbb", "release-b", phase="Paused"))
    world.reconciler().round()
    assert (world.memory.writes, world.record().phase) == (2, "Paused")


@pytest.mark.parametrize("which", ["memory", "api"])
def test_a_world_that_cant_be_seen_is_not_acted_on(world: World, which: str) -> None:
    world.decides(FILL)
    getattr(world, which).down = True
    reconciler = world.reconciler()
    reconciler.round()
    assert world.api.written() == []
    problem = {"collection": "toys", "problem": "unavailable"}
    assert world.registry.get_sample_value("turnout_controller_problem", problem) == 1.0
    getattr(world, which).down = False
    reconciler.round()
    assert world.api.names("jobs") == ["fill-toys-bbb"]
    ((word, over, _),) = (problem.split(": ", 2) for problem in world.record().problems)
    assert (word, over) == ("unavailable", "over")


def test_who_is_deposed_between_two_actions_does_only_the_first(world: World) -> None:
    asked: list[None] = []

    def check() -> None:
        asked.append(None)
        if len(asked) > 3:  # the round's beginning, the record, the first action
            raise Deposed

    world.decides(FILL, VERIFY)
    Reconciler(world.tools(check=check), world.board, world.counts).round()
    assert world.api.names("jobs") == ["fill-toys-bbb"]
    assert world.memory.writes == 1


def test_a_replica_that_doesnt_lead_looks_at_nothing(world: World) -> None:
    world.leads = False
    loop = world.loop()
    loop.turn()
    loop.settle(5)
    assert world.api.calls == []
    world.leads = True
    loop.turn()
    loop.settle(5)
    assert world.registry.get_sample_value("turnout_controller_frozen", {"collection": "toys"}) == 0.0


def test_what_was_seen_while_leading_is_forgotten_when_another_leads(world: World) -> None:
    loop = world.loop()
    loop.turn()
    loop.settle(5)
    world.leads = False
    loop.turn()
    world.leads = True
    assert world.registry.get_sample_value("turnout_controller_frozen", {"collection": "toys"}) is None


def test_a_slow_collection_holds_up_no_other_and_has_one_round_at_a_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.api.put("rollouts", rollout("aaa", "bbb", "m", name="search-books", collection="books"))
    go, rounds = threading.Event(), {"toys": 0, "books": 0}

    def decide(observed: Observed, *, spare_s: float) -> Decision:
        rounds[observed.collection] += 1
        if observed.collection == "toys":
            go.wait(5)
        return world.decision

    monkeypatch.setattr(reconcile, "desired", decide)
    loop = world.loop()
    for _ in range(3):
        loop.turn()
        until = time.monotonic() + 2
        while rounds["books"] == 0 and time.monotonic() < until:
            time.sleep(0.005)
        rounds_of_books, rounds["books"] = rounds["books"], 0
        assert rounds_of_books == 1
        time.sleep(0.05)
    assert rounds["toys"] == 1
    go.set()
    loop.settle(5)


def test_told_to_stop_it_ends_and_begins_no_action(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()

    def decide(observed: Observed, *, spare_s: float) -> Decision:
        stop.set()
        return Decision(actions=(FILL,), standings=(), problems={})

    monkeypatch.setattr(reconcile, "desired", decide)
    world.loop().run(stop)
    assert world.api.written() == []


def test_nothing_may_be_done_any_more_for_a_collection_that_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query set may be asked for many minutes, and no round of the collection would end that."""
    checks: list[Callable[[], None]] = []
    tools = world.tools
    monkeypatch.setattr(world, "tools", lambda collection, check: checks.append(check) or tools(collection, check))
    loop = world.loop()
    loop.turn()
    loop.settle(5)
    checks[0]()
    world.api.objects = {key: each for key, each in world.api.objects.items() if key[0] != "rollouts"}
    loop.turn()
    loop.settle(5)
    with pytest.raises(Deposed):
        checks[0]()


def test_the_api_servers_outage_is_told_for_every_collection(world: World) -> None:
    loop = world.loop()
    loop.turn()
    loop.settle(5)
    world.api.down = True
    loop.turn()
    loop.settle(5)
    problem = {"collection": "toys", "problem": "unavailable"}
    assert world.registry.get_sample_value("turnout_controller_problem", problem) == 1.0
    assert loop.alive()


@pytest.mark.parametrize(("stable", "moved"), [("aaa", ["the release is stable"]), ("bbb", [])])
def test_the_alias_does_not_go_to_a_release_that_was_reverted_while_its_view_was_compared(
    world: World, monkeypatch: pytest.MonkeyPatch, stable: str, moved: list[str]
) -> None:
    def compare(*_: object, **__: object) -> SimpleNamespace:
        world.api.put("rollouts", rollout(stable, stable, f"release-{stable[0]}"))
        return SimpleNamespace(verdict="pass")

    world.memory.views_ = (view(A, name="v").view,)
    world.api.put("rollouts", rollout("aaa", "aaa", "release-a"))
    world.decides(Flip(release_id=A.id, view="v", expect=(), why="the release is stable"))
    monkeypatch.setattr(flips, "parity", compare)
    found: list[str] = []
    monkeypatch.setattr(flips, "flip", lambda *_, reason, **__: found.append(reason))
    monkeypatch.setattr(indexes, "_behind", lambda *_: 0)
    world.reconciler().round()
    assert found == moved
    assert [problem.partition(":")[0] for problem in world.record().problems] == ([] if moved else ["flip-failed"])


def test_a_config_map_that_was_seen_spare_is_deleted(world: World) -> None:
    world.api.put("configmaps", release_map("release-old", A))
    world.decides(Collect(config_map="release-old"), Collect(config_map="never-seen"))
    world.reconciler().round()
    assert world.api.names("configmaps") == ["release-a", "release-b"]


def test_condemning_writes_the_record_and_then_the_quarantine_once(world: World) -> None:
    world.decides(Condemn(release_id=B.id, by="run: p99", reason="too slow", stable=A.id))
    world.reconciler().round()
    world.reconciler().round()
    record, quarantine = world.memory.records[f"release:toys:{B.id}"], world.memory.records[f"quarantine:toys:{B.id}"]
    assert isinstance(record, ReleaseRecord)
    assert isinstance(quarantine, Quarantine)
    assert (record.state, record.view, record.reason) == ("failed", None, "too slow")
    assert msgspec.convert(record.release, type(B)) == B
    assert (quarantine.by, quarantine.reason, quarantine.stable) == ("run: p99", "too slow", A.id)
    assert [reason for _, reason, _ in world.events()] == ["Condemn"]


def test_the_release_that_the_alias_serves_keeps_its_standing_when_it_is_condemned(world: World) -> None:
    live = ReleaseRecord(collection="toys", at="2026", release_id=B.id, state="live", view="v", release={})
    world.memory.records[live.key] = live
    world.decides(Condemn(release_id=B.id, by="run", reason="x", stable=A.id))
    world.reconciler().round()
    assert world.memory.records[live.key] == live
    assert f"quarantine:toys:{B.id}" in world.memory.records


class Proposing:
    """A quarantined release whose revert every round asks for."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world, self.now = world, 0.0
        bad = Quarantine(
            collection="toys", at="2026-01-02T03:04:05Z", release_id=B.id, by="run", reason="x", stable=A.id
        )
        self.key = bad.key
        world.memory.records[bad.key] = bad
        world.decides(Propose(release_id=B.id))
        self.reconciler = world.reconciler()
        proposals = self.reconciler._actor._proposals
        monkeypatch.setattr(proposals, "_clock", lambda: self.now)

    def round(self, after_s: float = 0.0) -> str:
        self.now += after_s
        self.reconciler.round()
        record = self.world.memory.records[self.key]
        assert isinstance(record, Quarantine)
        return record.proposal


def test_a_revert_is_proposed_once_and_its_address_remembered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    proposing = Proposing(world, monkeypatch)
    assert [proposing.round(), proposing.round()] == ["https://git/1", "https://git/1"]
    assert world.host.asked == [
        Revert(collection="toys", failed=B.id, stable=A.id, by="run", reason="x", since="2026-01-02")
    ]


@pytest.mark.parametrize(
    ("error", "told"), [(Unavailable("rate limit"), "rate limit"), (KeyError("sha"), "KeyError: 'sha'")]
)
def test_a_host_that_refuses_is_asked_ever_more_rarely_and_its_answer_stays_told(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    proposing = Proposing(world, monkeypatch)
    world.host.answer = error
    asked = []
    for _ in range(120):
        proposing.round(after_s=5)
        asked.append(len(world.host.asked))
        assert world.record().problems == (f"propose-failed: {told}",)
    assert asked[-1] in (4, 5)  # of 120: after 0, 30, 90, 210, 450 s
    world.host.answer = "https://git/2"
    assert proposing.round(after_s=600) == "https://git/2"


def test_a_branch_that_is_right_already_is_not_asked_for_at_each_look(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposing = Proposing(world, monkeypatch)
    world.host.answer = None
    for _ in range(10):
        assert proposing.round(after_s=5) == ""
    assert len(world.host.asked) == 1
    assert world.record().problems == ()


def test_without_a_git_host_the_status_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> GitHost:
        raise Refused("no revert is proposed: no Git repository or token is configured")

    proposing = Proposing(world, monkeypatch)
    tools = replace(world.tools(), host=none)
    proposing.reconciler = Reconciler(tools, world.board, world.counts)
    proposing.round()
    assert "no Git repository" in world.record().problems[0]


def test_a_canary_on_trial_is_told_with_its_judgment_and_without_a_prometheus_as_a_problem(world: World) -> None:
    said = Judgment(verdict="pass", reason="as good as stable", since=0.0, until=30.0, windows=1)
    judges = SimpleNamespace(can_judge=True, newest=lambda canary, stable: said)
    world.api.put("replicasets", replica_set("bbb", 2, "release-b", ready=1))
    reconciler = Reconciler(replace(world.tools(), judging=judges), world.board, world.counts)  # type: ignore[arg-type]
    reconciler.round()
    assert world.record().judgment == said
    judges.can_judge = False
    reconciler.round()
    assert world.record().judgment is None
    assert [text.partition(":")[0] for text in world.record().problems] == ["no-prometheus"]


def test_what_was_judged_of_one_canary_is_never_told_of_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def ends_here(self: Writer, name: str) -> None:
        raise Deposed

    failed = Judgment(verdict="fail", reason="slow", since=0.0, until=30.0, windows=1)
    judges = SimpleNamespace(can_judge=True, newest=lambda canary, stable: failed if canary == "bbb" else None)
    world.api.put("replicasets", replica_set("bbb", 2, "release-b", ready=1))
    reconciler = Reconciler(replace(world.tools(), judging=judges), world.board, world.counts)  # type: ignore[arg-type]
    reconciler.round()
    assert world.record().judgment == failed
    world.api.put("replicasets", replica_set("ccc", 3, "release-b", ready=1))
    world.api.put("rollouts", rollout("aaa", "ccc", "release-b", message="another template"))
    monkeypatch.setattr(Writer, "delete_job", ends_here)
    world.decides(Stop(name="x", purpose="fill", why="y"))
    reconciler.round()
    assert world.record().message == "another template"
    assert world.record().judgment is None


def test_a_judgment_is_not_forgotten_while_argo_has_not_seen_the_spec(world: World) -> None:
    said = Judgment(verdict="inconclusive", reason="too little", since=0.0, until=30.0, windows=1)
    judges = SimpleNamespace(can_judge=True, newest=lambda canary, stable: said)
    world.api.put("replicasets", replica_set("bbb", 2, "release-b", ready=1))
    reconciler = Reconciler(replace(world.tools(), judging=judges), world.board, world.counts)  # type: ignore[arg-type]
    reconciler.round()
    scaled = rollout("aaa", "bbb", "release-b")
    scaled["metadata"]["generation"] = 5
    world.api.put("rollouts", scaled)
    reconciler.round()
    assert world.record().judgment == said


def test_nothing_is_done_to_the_indexes_of_another_environment(world: World) -> None:
    claim(replace(world.tools(), environment="production"))
    before = dict(world.memory.records)
    world.decides(FILL)
    Reconciler(replace(world.tools(), environment="staging"), world.board, world.counts).round()
    assert (world.api.written(), world.memory.records) == ([], before)
    ((kind, word, said),) = world.events()
    assert (kind, word, "'production'" in said) == ("Warning", "RoundFailed", True)
