"""What Prometheus reads: the whole truth of the last look, for a minute after it, and of nobody but the leader."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from prometheus_client import CollectorRegistry, generate_latest

from turnout.controller.actions import Decision, Standing, State
from turnout.controller.board import STALE_S, STATES, Board
from turnout.controller.observed import Observed
from turnout.controller.server import serving


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.leads = True

    def __call__(self) -> float:
        return self.now


def seen(collection: str = "toys", frozen: str = "") -> Observed:
    return Observed(
        collection=collection,
        rollout=None,
        revisions=(),
        work=(),
        views=(),
        records=(),
        flips=(),
        targets=frozenset(),
        quarantined={},
        shards=1,
        frozen=frozen,
    )


def decided(**states: State) -> Decision:
    standings = tuple(Standing(hash=hash_, release_id=f"r-{hash_}", state=state) for hash_, state in states.items())
    return Decision(actions=(), standings=standings, problems={})


def board() -> tuple[Board, CollectorRegistry, Clock]:
    clock, registry = Clock(), CollectorRegistry()
    made = Board(lambda: clock.leads, clock=clock)
    registry.register(made)
    return made, registry, clock


def state(registry: CollectorRegistry, hash_: str, word: str, collection: str = "toys") -> float | None:
    labels = {"collection": collection, "release": f"r-{hash_}", "rollouts_pod_template_hash": hash_, "state": word}
    return registry.get_sample_value("turnout_release_state", labels)


def test_a_revision_is_in_one_state_and_says_0_for_all_others() -> None:
    made, registry, _ = board()
    made.show(seen(), decided(aaa="ready", bbb="building"))
    assert [word for word in STATES if state(registry, "aaa", word) == 1.0] == ["ready"]
    assert [state(registry, "bbb", word) for word in ("building", "ready", "failed", "quarantined")] == [1, 0, 0, 0]
    assert len(STATES) == 7


def test_a_revision_that_is_gone_has_no_series() -> None:
    made, registry, _ = board()
    made.show(seen(), decided(aaa="ready", bbb="failed"))
    made.show(seen(), decided(aaa="ready"))
    assert state(registry, "bbb", "failed") is None
    made.only(("others",))
    assert state(registry, "aaa", "ready") is None


def test_old_truth_ends_after_a_minute_and_its_problem_stays() -> None:
    made, registry, clock = board()
    made.show(seen(), decided(aaa="ready"))
    made.problems("toys", {"unavailable": "Elasticsearch can't be reached"})
    clock.now += STALE_S
    assert state(registry, "aaa", "ready") == 1.0
    clock.now += 0.1
    assert state(registry, "aaa", "ready") is None
    assert registry.get_sample_value("turnout_alias_at_stable", {"collection": "toys"}) is None
    problem = {"collection": "toys", "problem": "unavailable"}
    assert registry.get_sample_value("turnout_controller_problem", problem) == 1.0
    made.show(seen(), decided(aaa="ready"))
    assert state(registry, "aaa", "ready") == 1.0


def test_one_collection_that_cant_be_seen_takes_no_other_with_it() -> None:
    made, registry, clock = board()
    made.show(seen("toys"), decided(aaa="ready"))
    clock.now += STALE_S + 1
    made.show(seen("books"), decided(bbb="ready"))
    assert state(registry, "aaa", "ready") is None
    assert state(registry, "bbb", "ready", "books") == 1.0


def test_a_replica_that_doesnt_lead_says_only_that() -> None:
    made, registry, clock = board()
    made.show(seen(frozen="incident"), decided(aaa="ready"))
    assert registry.get_sample_value("turnout_controller_leader") == 1.0
    assert registry.get_sample_value("turnout_controller_frozen", {"collection": "toys"}) == 1.0
    clock.leads = False
    text = generate_latest(registry).decode()
    assert [line for line in text.splitlines() if not line.startswith("#")] == ["turnout_controller_leader 0.0"]


def test_a_problem_that_is_over_is_shown_for_a_minute_more_so_that_a_scrape_sees_it() -> None:
    made, registry, clock = board()

    def shown(word: str) -> float | None:
        return registry.get_sample_value("turnout_controller_problem", {"collection": "toys", "problem": word})

    made.problems("toys", {"frozen": "x", "alias-moved": "y"})
    made.problems("toys", {"frozen": "x"})
    clock.now += 59
    made.problems("toys", {"frozen": "x"})
    assert (shown("frozen"), shown("alias-moved")) == (1.0, 1.0)
    clock.now += 2
    assert (shown("frozen"), shown("alias-moved")) == (1.0, None)


def test_probes_and_scrapes_are_answered_in_json_and_in_prometheus_own_format() -> None:
    alive = [True]

    def get(path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    _, registry, _ = board()
    with serving("127.0.0.1", 0, registry, lambda: alive[0]) as port:
        assert get("/healthz") == (200, json.dumps({"status": "ok"}))
        assert get("/readyz")[0] == 200
        assert "turnout_controller_leader 1.0" in get("/metrics")[1]
        assert get("/nowhere")[0] == 404
        alive[0] = False
        assert get("/healthz") == (503, json.dumps({"status": "the loop hangs"}))
