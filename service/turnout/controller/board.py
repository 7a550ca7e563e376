"""What was last seen and decided, as Prometheus reads it. Written by `reconcile`, scraped through the HTTP server.

Series are made from one value at each scrape, so that no scrape sees half an update and what is gone is gone. Only the
leader shows any. If a collection can't be looked at, its last standings are shown for `STALE_S` more seconds: long
enough for a restart of Elasticsearch, in which nothing that was ready became unready. Then its series end. A gate that
asks whether a release is ready then finds nothing, which is inconclusive and waits; it never passes on old truth.
Problems are shown meanwhile and after, and a little longer than they last.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, get_args

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from turnout.controller.actions import Decision, Standing, State
from turnout.controller.board_judged import judgment_gauges
from turnout.controller.by_collection import ByCollection
from turnout.controller.comparing_board import ParityBoard
from turnout.controller.judged import Judged
from turnout.controller.lingering import Lingering
from turnout.controller.observed import Observed
from turnout.controller.probing_board import ProbeBoard
from turnout.controller.seen import complete_view
from turnout.controller.sizes_board import SizeBoard

STALE_S = 60.0
STATES: tuple[State, ...] = get_args(State)


class Seen(NamedTuple):
    """One look, reduced to what is shown. `at` is when it was made, by the clock."""

    at: float
    standings: tuple[Standing, ...]
    at_stable: bool
    quarantined: int
    frozen: bool
    behind: dict[str, int]


class Board(Collector):
    """The gauges of all collections. Any thread may scrape.

    Args:
        leads: whether this replica leads.
        clock: seconds that never go back.

    Attributes:
        probes: judged quality, which holds until it is measured again, however old the last look is.
        parities: what comparing views with documents found; it holds as long.
        sizes: how large things are; shown as long as the last look.
    """

    def __init__(self, leads: Callable[[], bool], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._leads, self._clock = leads, clock
        self._seen = ByCollection[Seen]()
        self._problems = ByCollection[Lingering]()
        self._judged = ByCollection[Judged]()
        self.probes, self.parities, self.sizes = ProbeBoard(), ParityBoard(), SizeBoard()

    def show(self, observed: Observed, decision: Decision) -> None:
        """A look succeeded."""
        self._seen.put(observed.collection, _seen(observed, decision, self._clock()))
        self.sizes.show(observed)

    def judged(self, collection: str, judged: Judged | None) -> None:
        """The newest judgment of a collection's canary; None if nothing is on trial."""
        if judged is None:
            self._judged.drop(collection)
        else:
            self._judged.put(collection, judged)

    def problems(self, collection: str, problems: Mapping[str, str]) -> None:
        """The problems of a collection, by their words; those before are over."""
        lingering = self._problems.get(collection) or Lingering(self._clock)
        lingering.tell(problems)
        self._problems.put(collection, lingering)

    def only(self, collections: Iterable[str]) -> None:
        """Forget all other collections."""
        kept = frozenset(collections)
        for part in (self._seen, self._problems, self._judged, self.probes, self.parities, self.sizes):
            part.only(kept)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Called at each scrape."""
        leads = self._leads()
        leader = GaugeMetricFamily("turnout_controller_leader", "Whether this replica leads")
        leader.add_metric([], float(leads))
        yield leader
        if leads:
            since = self._clock() - STALE_S
            seen = {name: each for name, each in self._seen.items() if each.at >= since}
            yield _standings(seen)
            yield from _gauges(seen)
            yield from judgment_gauges({name: each for name, each in self._judged.items() if name in seen})
            yield from self.probes.collect()
            yield from self.parities.collect()
            yield from self.sizes.collect(seen)
            yield _problems(dict(self._problems.items()))


def _seen(observed: Observed, decision: Decision, at: float) -> Seen:
    stable = observed.revision("stable")
    view = complete_view(stable.release, observed) if stable and stable.release else None
    return Seen(
        at=at,
        standings=decision.standings,
        at_stable=view is not None and observed.targets == {view.view.index},
        quarantined=len(observed.quarantined),
        frozen=bool(observed.frozen),
        behind={each.view.index: each.behind for each in observed.views if each.behind is not None},
    )


def _standings(seen: Mapping[str, Seen]) -> GaugeMetricFamily:
    labels = ("collection", "release", "rollouts_pod_template_hash", "state")
    family = GaugeMetricFamily(
        "turnout_release_state",
        "How far the release of a revision is: 1 for its state, 0 for all others",
        labels=labels,
    )
    for collection, each in seen.items():
        for standing in each.standings:
            for state in STATES:
                family.add_metric(
                    [collection, standing.release_id, standing.hash, state], float(standing.state == state)
                )
    return family


def _gauges(seen: Mapping[str, Seen]) -> Iterable[GaugeMetricFamily]:
    at_stable = GaugeMetricFamily(
        "turnout_alias_at_stable", "Whether the alias is at the stable release's view", labels=("collection",)
    )
    quarantined = GaugeMetricFamily(
        "turnout_quarantined_releases", "Releases in quarantine in this cluster", labels=("collection",)
    )
    frozen = GaugeMetricFamily(
        "turnout_controller_frozen", "Whether flips and retirements are frozen", labels=("collection",)
    )
    behind = GaugeMetricFamily(
        "turnout_view_behind_operations", "Operations that a view lacks", labels=("collection", "view")
    )
    for collection, each in seen.items():
        at_stable.add_metric([collection], float(each.at_stable))
        quarantined.add_metric([collection], each.quarantined)
        frozen.add_metric([collection], float(each.frozen))
        for view, operations in each.behind.items():
            behind.add_metric([collection, view], operations)
    return at_stable, quarantined, frozen, behind


def _problems(problems: Mapping[str, Lingering]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "turnout_controller_problem",
        "What a person must know, a minute longer than it lasts; `turnout status` has the sentence",
        labels=("collection", "problem"),
    )
    for collection, each in problems.items():
        for word in sorted(each.lasting.keys() | each.over.keys()):
            family.add_metric([collection, word], 1.0)
    return family
