"""`turnout controller --once` holds the lease for as long as its round takes."""

from __future__ import annotations

import threading

from support.fake_cluster import NAMESPACE, FakeApi
from turnout.cli.controller import _once
from turnout.kube import election
from turnout.kube.election import RENEW_S, Election
from turnout.kube.reader import Reader
from turnout.kube.writer import Writer


class SlowLoop:
    """A round that takes longer than a lease that nobody renews."""

    def __init__(self, leads: Election, clock: list[float]) -> None:
        self._election, self._clock = leads, clock
        self.led: list[bool] = []

    def turn(self) -> None: ...

    def settle(self, timeout_s: float) -> None:
        for _ in range(4):
            self._clock[0] += RENEW_S / 2
            threading.Event().wait(0.1)  # the election's turn
            self.led.append(self._election.leads())


def test_a_round_by_hand_that_takes_long_keeps_the_lease_and_gives_it_back(monkeypatch) -> None:
    monkeypatch.setattr(election, "RETRY_S", 0.001)
    api, clock = FakeApi(), [0.0]
    mine = Election(Reader(api, NAMESPACE), Writer(api, NAMESPACE), name="lease", identity="me", clock=lambda: clock[0])
    loop = SlowLoop(mine, clock)
    assert _once(mine, loop) == 0  # type: ignore[arg-type]
    assert loop.led == [True] * 4
    assert api.objects["leases", "lease"]["spec"]["holderIdentity"] == ""
