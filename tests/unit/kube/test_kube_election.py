"""At most one replica believes that it leads, whatever happens to the API, the clocks or the other."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.fake_cluster import NAMESPACE, FakeApi
from turnout.kube.api import NotFound
from turnout.kube.election import LEASE_S, RENEW_S, RETRY_S, Election
from turnout.kube.reader import Reader
from turnout.kube.writer import Writer


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def candidate(api: FakeApi, clock: Clock, identity: str) -> Election:
    return Election(Reader(api, NAMESPACE), Writer(api, NAMESPACE), name="lease", identity=identity, clock=clock)


def holder(api: FakeApi) -> object:
    return api.objects["leases", "lease"]["spec"]["holderIdentity"]


def test_the_first_that_asks_leads_and_the_other_waits() -> None:
    api, clock = FakeApi(), Clock()
    a, b = candidate(api, clock, "a"), candidate(api, clock, "b")
    a.attempt()
    b.attempt()
    assert (a.leads(), b.leads(), holder(api)) == (True, False, "a")


class AFewRounds(threading.Event):
    """Set after so many waits, which take no time."""

    def __init__(self, rounds: int) -> None:
        super().__init__()
        self._left = rounds

    def wait(self, timeout: float | None = None) -> bool:
        self._left -= 1
        if not self._left:
            self.set()
        return self.is_set()


def test_an_answer_that_nobody_foresaw_ends_no_candidacy(monkeypatch: pytest.MonkeyPatch) -> None:
    api, told = FakeApi(), [NotFound("no such namespace"), RuntimeError("?")]
    call = api.call

    def answer(method: str, path: str, **given: Any) -> bytes:
        if method == "POST" and told:
            raise told.pop()
        return call(method, path, **given)

    monkeypatch.setattr(api, "call", answer)
    candidate(api, Clock(), "a").run(AFewRounds(3))
    assert (told, holder(api)) == ([], "")


def test_a_leader_that_renews_stays_for_ever() -> None:
    api, clock = FakeApi(), Clock()
    a, b = candidate(api, clock, "a"), candidate(api, clock, "b")
    for _ in range(50):
        a.attempt()
        b.attempt()
        clock.now += RETRY_S
    assert (a.leads(), b.leads()) == (True, False)
    assert api.objects["leases", "lease"]["spec"]["leaseTransitions"] == 0


def test_a_leader_that_is_killed_is_succeeded_when_its_lease_ran_out_and_not_before() -> None:
    api, clock = FakeApi(), Clock()
    a, b = candidate(api, clock, "a"), candidate(api, clock, "b")
    a.attempt()
    b.attempt()
    clock.now += LEASE_S - 0.1
    b.attempt()
    assert not b.leads()
    clock.now += 0.2
    b.attempt()
    assert (a.leads(), b.leads(), holder(api)) == (False, True, "b")
    assert api.objects["leases", "lease"]["spec"]["leaseTransitions"] == 1


def test_without_the_api_a_leader_stops_by_itself_in_time_and_comes_back_with_it() -> None:
    api, clock = FakeApi(), Clock()
    a = candidate(api, clock, "a")
    a.attempt()
    api.down = True
    clock.now += RENEW_S - 0.1
    a.attempt()
    assert a.leads()
    clock.now += 0.2
    assert not a.leads()
    api.down = False
    a.attempt()
    assert a.leads()


def test_told_to_stop_it_gives_the_lease_back_and_another_leads_at_once() -> None:
    api, clock = FakeApi(), Clock()
    a, b = candidate(api, clock, "a"), candidate(api, clock, "b")
    stop = threading.Event()
    thread = threading.Thread(target=a.run, args=(stop,))
    thread.start()
    while not a.leads():
        pass
    stop.set()
    thread.join(timeout=1)
    assert not thread.is_alive()
    assert not a.leads()
    b.attempt()
    assert b.leads()


def test_the_lease_of_another_is_not_given_back() -> None:
    api, clock = FakeApi(), Clock()
    a, b = candidate(api, clock, "a"), candidate(api, clock, "b")
    a.attempt()
    clock.now += 100
    b.attempt()
    clock.now += 100
    b.attempt()
    assert holder(api) == "b"
    a.release()
    assert holder(api) == "b"


def test_two_that_take_a_free_lease_at_once_have_one_winner() -> None:
    api, clock = FakeApi(), Clock()
    a, b = candidate(api, clock, "a"), candidate(api, clock, "b")
    a.attempt()
    a.release()
    seen = Reader(api, NAMESPACE).lease("lease")
    b.attempt()
    assert seen is not None
    assert not a._take(seen)  # a read it before b took it
    assert holder(api) == "b"


class Slow(FakeApi):
    """An API that takes `delay_s` for the way there, and as long for the way back."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock, self.delay_s = clock, 0.0

    def call(self, method: str, path: str, **given: Any) -> bytes:
        self.clock.now += self.delay_s
        try:
            return super().call(method, path, **given)
        finally:
            self.clock.now += self.delay_s


def test_a_renewal_counts_from_when_it_was_asked_for() -> None:
    clock = Clock()
    api = Slow(clock)
    a = candidate(api, clock, "a")
    api.delay_s = RENEW_S / 4
    a.attempt()
    assert not a.leads()  # four ways took as long as the belief lasts


def test_what_came_late_was_seen_late() -> None:
    """A lease that was renewed while the other's question was on its way isn't older than the answer."""
    clock = Clock()
    api = Slow(clock)
    a, b = candidate(api, clock, "a"), candidate(api, clock, "b")
    a.attempt()
    api.delay_s = 4.0
    b.attempt()  # sees at 8 s
    api.delay_s = 0.0
    clock.now += LEASE_S - 1
    b.attempt()
    assert not b.leads()
    clock.now += 2
    b.attempt()
    assert b.leads()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc-"), st.booleans(), st.floats(0, 12), st.floats(0, 4)), max_size=40))
def test_never_do_two_lead(steps: list[tuple[str, bool, float, float]]) -> None:
    clock = Clock()
    api = Slow(clock)
    candidates = {name: candidate(api, clock, name) for name in "abc"}
    for name, down, seconds, delay_s in steps:
        api.down, api.delay_s = down, delay_s
        if name in candidates:
            candidates[name].attempt()
        assert sum(each.leads() for each in candidates.values()) <= 1
        clock.now += seconds
        assert sum(each.leads() for each in candidates.values()) <= 1
