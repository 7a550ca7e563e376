"""Asking query sets for the leader: once for a trial, stopped when it is moot, and found again after a restart."""

import hashlib
import threading
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from support.fake_cluster import NAMESPACE, FakeApi, FakeMemory, labels, search_pod
from support.observing import COLLECTION, FIRST, MODEL, healthy, revision, rollout, trial
from turnout.canary.judgment import Judgment, ProbeResult
from turnout.controller import probing_measure
from turnout.controller.probing import Prober
from turnout.controller.probing_board import ProbeBoard
from turnout.controller.probing_judgment import with_stored_quality
from turnout.controller.probing_measure import Outcome, Ways
from turnout.controller.probing_wanted import promoted, wanted
from turnout.controller.tools import Deposed, Tools
from turnout.controller.trial import OnTrial
from turnout.elastic.names import Names
from turnout.elastic.state import ProbeRecord
from turnout.judge.probe import Asked, Manner, Stopped
from turnout.judge.trial import Trial
from turnout.kube.reader import Reader
from turnout.release.artifacts import Evaluation, FileDigest

QUERIES = "".join(f'{{"_id": "q{n}", "text": "t"}}\n' for n in range(30))
QRELS = "query-id\tcorpus-id\tscore\n" + "".join(f"q{n}\td{n}\t1\n" for n in range(30))


def digest(text):
    return FileDigest(digest=f"sha256:{hashlib.sha256(text.encode()).hexdigest()}", entries=30)


EVALUATION = Evaluation(queries=digest(QUERIES), qrels=digest(QRELS))
STABLE, CANARY = (replace(release, evaluation=EVALUATION) for release in (FIRST, MODEL))
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
PASSED = Outcome(
    result=ProbeResult(verdict="pass", reason="alike", canary_ann_recall=0.97),
    values={"ndcg@10": 0.5},
    stable_values={"ndcg@10": 0.51},
    ann_recall=0.97,
)
TRIAL = f"probe:{COLLECTION}:{CANARY.id}:{STABLE.id}:ccc"
WATCH = f"probe:{COLLECTION}:{STABLE.id}::"


def on_trial(**canary):
    canary = {"ready": 1, "number": 2} | canary
    revisions = (revision(CANARY, "canary", hash="ccc", **canary), revision(STABLE, "stable", hash="sss"))
    return replace(trial(CANARY), revisions=revisions)


def alone(release=STABLE, hash="sss"):
    return healthy(revisions=(revision(release, "stable", hash=hash),))


def record(key=TRIAL, **more):
    _, collection, release, stable, hash_ = key.split(":")
    kept = {"state": "done", "at": NOW.isoformat(), "revision": hash_} | more
    return ProbeRecord(collection=collection, release=release, stable=stable, **kept)


class World:
    """A leader whose measurements end when the test says so."""

    def __init__(self):
        self.api, self.memory, self.board = FakeApi(), FakeMemory(), ProbeBoard()
        for release in (STABLE, CANARY):
            data = {"queries.jsonl": QUERIES, "qrels.tsv": QRELS}
            meta = {"name": f"release-{release.id}", "labels": labels("release")}
            self.api.put("configmaps", {"metadata": meta, "data": data})
        for name, ip in (("ccc", "10.0.0.1"), ("sss", "10.0.0.2")):
            self.api.put("pods", search_pod(name, name, ip))
        self.leads, self.outcome, self.begun = True, PASSED, []
        self.go_on, self.ended = threading.Event(), threading.Event()
        self.prober = self.restarted()

    def restarted(self):
        tools = Tools(
            kube=Reader(self.api, NAMESPACE), kube_writer=None, elastic=self.memory, elastic_writer=self.memory,
            names=Names(COLLECTION), host=None, check=self.check, now=lambda: datetime.now(UTC).isoformat(),
        )  # fmt: skip
        return Prober(tools, self.board, measure=self.measure)

    def check(self):
        if not self.leads:
            raise Deposed

    def measure(self, task, query_set, ways):
        self.begun.append((task, [ways.pods(hash_) for hash_ in task.hashes], len(query_set.queries)))
        ways.progress(12)
        try:
            while not self.go_on.wait(0.005):
                if ways.stopped():
                    raise Stopped
            if isinstance(self.outcome, Exception):
                raise self.outcome
            return self.outcome
        finally:
            self.ended.set()

    def settle(self, observed, prober=None):
        """Let what is asked come to its end, and write it down."""
        self.go_on.set()
        self.ended.wait(5)
        for _ in range(200):
            (prober or self.prober).round(observed)
            if not any(each.name == "probe" for each in threading.enumerate()):
                break
            time.sleep(0.005)
        (prober or self.prober).round(observed)

    def series(self):
        return {
            (sample.name, *sample.labels.values()): sample.value for family in self.board.collect() for sample in
            family.samples
        }  # fmt: skip


@pytest.fixture
def world():
    made = World()
    yield made
    made.leads = False
    made.go_on.set()


def test_a_trial_is_asked_once_and_written_down(world):
    world.prober.round(on_trial())
    begun = world.memory.records[TRIAL]
    assert (begun.state, begun.queries, begun.attempts) == ("asking", 30, 1)
    world.settle(on_trial())
    task, pods, count = world.begun[0]
    assert (task.hashes, pods, count) == (("ccc", "sss"), [("http://10.0.0.1:8080",), ("http://10.0.0.2:8080",)], 30)
    done = world.memory.records[TRIAL]
    assert (done.state, done.result, done.values) == ("done", PASSED.result, PASSED.values)
    world.settle(on_trial())
    world.settle(on_trial(), world.restarted())
    asked = [task.key for task, *_ in world.begun]
    assert asked.count(TRIAL) == 1


def test_what_was_being_asked_when_a_controller_died_is_asked_anew_but_not_for_ever(world):
    for attempt in (1, 2, 3):
        world.restarted().round(on_trial())
        assert world.memory.records[TRIAL].attempts == attempt
    world.restarted().round(on_trial())
    ended = world.memory.records[TRIAL]
    assert (ended.state, ended.result.verdict) == ("done", "inconclusive")
    assert ended.result.reason == "asking was begun 3 times and came to no end"
    assert len(world.begun) == 3


def test_too_many_answers_that_are_not_whole_are_asked_for_again_later_and_then_said(world, monkeypatch):
    monkeypatch.setattr("turnout.controller.probing._LATER_S", 0.0)
    world.outcome = Outcome(problem="20 of 30 queries got no whole answer")
    world.prober.round(on_trial())
    world.settle(on_trial())
    for _ in range(50):
        world.settle(on_trial())
        if world.memory.records[TRIAL].state == "done":
            break
    ended = world.memory.records[TRIAL]
    assert (ended.result.verdict, ended.result.reason) == ("inconclusive", "20 of 30 queries got no whole answer")
    assert [task.key for task, *_ in world.begun].count(TRIAL) == 3


@pytest.mark.parametrize("what", ["aborted", "promoted", "deposed"])
def test_a_trial_that_is_over_is_asked_no_further(world, what):
    world.prober.round(on_trial())
    if what == "aborted":
        world.prober.round(replace(on_trial(), rollout=rollout(failed=True)))
    elif what == "promoted":
        world.prober.round(alone(CANARY, "ccc"))
    else:
        world.leads = False
    assert world.ended.wait(1)
    assert world.memory.records[TRIAL].state == "asking"


def test_an_unsettled_rollout_and_restarting_pods_stop_nothing(world):
    world.prober.round(on_trial())
    world.prober.round(replace(on_trial(), rollout=rollout(settled=False)))
    world.api.put("pods", search_pod("ccc", "ccc", "10.0.0.1", ready=False))
    world.prober.round(on_trial(ready=0))
    assert not world.ended.is_set()
    world.settle(on_trial())
    assert (world.memory.records[TRIAL].state, world.memory.records[TRIAL].attempts) == ("done", 1)


def test_progress_is_written_for_the_other_replicas(world, monkeypatch):
    monkeypatch.setattr("turnout.controller.probing._TELL_S", 0.0)
    world.prober.round(on_trial())
    for _ in range(200):
        world.prober.round(on_trial())
        if world.memory.records[TRIAL].asked:
            break
        time.sleep(0.005)
    assert world.memory.records[TRIAL].asked == 12


@pytest.mark.parametrize("what", ["no query set", "other judgments", "too shallow", "no pods"])
def test_what_cannot_be_asked_is_said(world, what):
    observed = on_trial()
    if what == "no query set":
        first = replace(observed.revisions[0], release=replace(CANARY, evaluation=None))
        observed = replace(observed, revisions=(first, observed.revisions[1]))
    elif what == "other judgments":
        world.api.objects["configmaps", f"release-{CANARY.id}"]["data"]["qrels.tsv"] += "q0\tx\t1\n"
    elif what == "too shallow":
        limits = replace(STABLE.pipeline.limits, max_k=5)
        shallow = replace(STABLE, pipeline=replace(STABLE.pipeline, limits=limits))
        observed = replace(observed, revisions=(observed.revisions[0], replace(observed.revisions[1], release=shallow)))
    else:
        del world.api.objects["pods", "sss"]
    for _ in range(3):
        world.prober.round(observed)
    said = {
        "no query set": "the release has no query set",
        "other judgments": "not the file of this release",
        "too shallow": f"ndcg@10 needs more documents than the 5 that release {STABLE.id} answers with",
        "no pods": "no pod of sss is ready",
    }
    kept = world.memory.records[TRIAL]
    assert (kept.state, kept.reason.startswith(said[what]), world.begun) == ("impossible", True, [])
    assert world.memory.writes == 1


def test_it_is_asked_once_what_was_missing_is_there(world, monkeypatch):
    monkeypatch.setattr("turnout.controller.probing._LATER_S", 0.0)
    pod = world.api.objects.pop(("pods", "sss"))
    world.prober.round(on_trial())
    assert world.memory.records[TRIAL].state == "impossible"
    world.api.put("pods", pod)
    world.prober.round(on_trial())
    assert (world.memory.records[TRIAL].state, world.memory.records[TRIAL].reason) == ("asking", "")
    world.settle(on_trial())
    assert world.memory.records[TRIAL].state == "done"


def test_a_bug_or_an_outage_ends_in_a_reason(world, monkeypatch):
    monkeypatch.setattr("turnout.controller.probing.ATTEMPTS", 1)
    world.outcome = ValueError("a bug")
    world.prober.round(on_trial())
    world.settle(on_trial())
    assert world.memory.records[TRIAL].result.reason == "ValueError: a bug"
    world.memory.down = True
    world.restarted().round(on_trial())  # raises nothing


def test_the_watch_begins_with_what_a_release_was_worth_on_trial(world):
    kept = record(values={"ndcg@10": 0.6}, result=PASSED.result)
    first = promoted(alone(CANARY, "ccc"), {TRIAL: kept})
    assert (first.values, first.reference, first.at, first.ann_recall) == (kept.values, kept.values, kept.at, 0.97)
    assert promoted(alone(CANARY, "ccc"), {TRIAL: kept, first.key: first}) is None
    assert promoted(alone(), {TRIAL: kept}) is None


def test_the_stable_release_is_asked_again_once_a_day_and_compared_with_its_promotion(world):
    world.memory.put_state(
        None,
        record(WATCH, at="2026-01-01T00:00:00+00:00", values={"ndcg@10": 0.6}, reference={"ndcg@10": 0.6}),
    )
    world.outcome = Outcome(values={"ndcg@10": 0.55}, ann_recall=0.9)
    world.prober.round(alone())
    assert world.series()["turnout_judged_quality_loss", COLLECTION, STABLE.id, "ndcg@10"] == 0.0
    world.settle(alone())
    series = world.series()
    assert series["turnout_judged_quality", COLLECTION, STABLE.id, "ndcg@10"] == 0.55
    assert series["turnout_judged_quality_loss", COLLECTION, STABLE.id, "ndcg@10"] == pytest.approx(0.05)
    assert series["turnout_probe_ann_recall", COLLECTION, STABLE.id] == 0.9
    assert len(world.begun) == 1


def test_when_the_watch_is_due():
    def due(age_s, *, every_s=86400.0, **more):
        kept = record(WATCH, at=(NOW - timedelta(seconds=age_s)).isoformat(), **more)
        return wanted(alone(), {WATCH: kept}, now=NOW, every_s=every_s) is not None

    assert wanted(alone(), {}, now=NOW, every_s=86400.0).key == WATCH
    assert (due(86399), due(86400)) == (False, True)
    assert (due(3599, state="impossible"), due(3600, state="asking")) == (False, True)
    assert wanted(alone(), {}, now=NOW, every_s=0.0) is None
    assert wanted(alone(FIRST), {}, now=NOW, every_s=86400.0) is None
    assert wanted(on_trial(), {}, now=NOW, every_s=86400.0).key == TRIAL
    assert wanted(on_trial(), {TRIAL: record()}, now=NOW, every_s=86400.0).key == WATCH


def test_a_watch_that_measures_nothing_keeps_the_figures(world):
    world.memory.put_state(None, record(WATCH, at="2026-01-01T00:00:00+00:00", values={"ndcg@10": 0.6}))
    world.outcome = Outcome(problem="all degraded")
    world.prober.round(alone())
    world.settle(alone())
    kept = world.memory.records[WATCH]
    assert (kept.state, kept.reason, kept.values) == ("impossible", "all degraded", {"ndcg@10": 0.6})


def test_series_come_from_the_records_and_end_with_their_release(world):
    for kept in (record(values={"ndcg@10": 0.5}, ann_recall=0.97), record(WATCH, values={"ndcg@10": 0.6})):
        world.memory.put_state(None, kept)
    prober = world.restarted()
    prober.round(replace(on_trial(), rollout=rollout(settled=False)))
    assert set(world.series()) == {
        ("turnout_judged_quality", COLLECTION, CANARY.id, "ndcg@10"),
        ("turnout_judged_quality", COLLECTION, STABLE.id, "ndcg@10"),
        ("turnout_probe_ann_recall", COLLECTION, CANARY.id),
    }
    prober.round(replace(alone(), rollout=rollout(settled=False)))
    assert set(world.series()) == {("turnout_judged_quality", COLLECTION, STABLE.id, "ndcg@10")}
    world.board.only([])
    assert world.series() == {}


@pytest.mark.parametrize("release", [STABLE, CANARY])
def test_the_same_release_in_another_image_is_a_trial_of_its_own(world, release):
    def observed(hash_):
        return replace(
            trial(release),
            revisions=(revision(release, "canary", hash=hash_, ready=1), revision(STABLE, "stable", hash="sss")),
        )

    one, two = (wanted(observed(hash_), {}, now=NOW, every_s=0.0).key for hash_ in ("ccc", "ddd"))
    assert one != two


def test_a_release_that_is_promoted_again_is_compared_with_what_it_was_worth_this_time():
    before = record(WATCH, at="2026-01-01T00:00:00", values={"ndcg@10": 0.6}, reference={"ndcg@10": 0.7})
    again = record(f"probe:{COLLECTION}:{STABLE.id}:{CANARY.id}:sss", at="2026-03-01T00:00:00", values={"ndcg@10": 0.5})
    first = promoted(alone(), {WATCH: before, again.key: again})
    assert (first.key, first.reference, first.at) == (WATCH, {"ndcg@10": 0.5}, again.at)
    assert promoted(alone(), {WATCH: first, again.key: again}) is None
    other_image = record(f"probe:{COLLECTION}:{STABLE.id}:{STABLE.id}:ddd", at="2026-04-01T00:00:00", values={"m@1": 1})
    assert promoted(alone(), {WATCH: before, other_image.key: other_image}) is None


def test_recall_that_cannot_be_measured_takes_nothing_away_from_judged_quality(world, monkeypatch):
    task = wanted(on_trial(), {}, now=NOW, every_s=0.0)
    answers = {f"q{n}": (f"d{n}",) for n in range(30)}
    monkeypatch.setattr(probing_measure, "ask", lambda *_, **__: Asked((answers, answers), {}, ("v", "v")))
    reader = SimpleNamespace(search=lambda *_: (_ for _ in ()).throw(ValueError("no such index")))
    ways = Ways(reader=reader, pods=lambda _: (), manner=Manner(), stopped=lambda: False, progress=lambda _: None)
    held = Reader(world.api, NAMESPACE).config_map(task.config_map)
    outcome = probing_measure.measure(task, probing_measure.questions(task, held), ways)
    assert (outcome.problem, outcome.result.verdict, outcome.ann_recall) == ("", "pass", None)


def test_a_judgment_is_finished_by_what_every_replica_can_read():
    memory = FakeMemory()
    finish = with_stored_quality(memory, Names)
    passed = Judgment(verdict="pass", reason="traffic", since=0.0, until=1.0, windows=1)
    this = Trial(collection=COLLECTION, stable="sss", canary="ccc", since=0.0)
    of = OnTrial(trial=this, gates=CANARY.gates.judged, canary=CANARY.id, stable=STABLE.id, config_map="")
    assert finish(of, passed).verdict == "inconclusive"
    memory.put_state(None, record(result=ProbeResult(verdict="fail", reason="worse")))
    assert finish(of, passed).verdict == "fail"
    memory.down = True
    assert finish(of, passed).verdict == "inconclusive"
    assert finish(of, replace(passed, verdict="fail")).verdict == "fail"
