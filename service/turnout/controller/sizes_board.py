"""How large a collection is, how far its views can get and where its requests go, for Prometheus. Part of `Board`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client.core import GaugeMetricFamily

from turnout.controller.by_collection import ByCollection
from turnout.controller.observed import Observed

if TYPE_CHECKING:
    from turnout.controller.sizes import Sizes

_INDEX = ("collection", "index")


class _Seen(NamedTuple):
    """`targets` are operations by view, `shares` from 0 to 1 by release id and pod template hash."""

    targets: dict[str, int]
    shares: dict[tuple[str, str], float]


class SizeBoard:
    """The gauges of all collections. Any thread may scrape."""

    def __init__(self) -> None:
        self._seen = ByCollection[_Seen]()
        self._sizes = ByCollection["Sizes"]()

    def show(self, observed: Observed) -> None:
        """A look succeeded."""
        targets = {each.view.index: observed.operations for each in observed.views if each.behind is not None}
        self._seen.put(observed.collection, _Seen(targets, _shares(observed)))

    def sized(self, collection: str, sizes: Sizes) -> None:
        """The indexes were measured."""
        self._sizes.put(collection, sizes)

    def only(self, collections: Iterable[str]) -> None:
        """Forget all other collections."""
        self._seen.only(collections)
        self._sizes.only(collections)

    def collect(self, shown: Collection[str]) -> Iterable[GaugeMetricFamily]:
        """Called at each scrape.

        Args:
            shown: the collections whose last look is recent enough.
        """
        yield from _of_looks({name: each for name, each in self._seen.items() if name in shown})
        yield from _of_sizes({name: each for name, each in self._sizes.items() if name in shown})


def _shares(observed: Observed) -> dict[tuple[str, str], float]:
    known = observed.rollout.shares if observed.rollout is not None else {}
    return {
        (each.release.id if each.release is not None else "", each.hash): known.get(each.hash, 0.0)
        for each in (observed.revision("stable"), observed.revision("canary"))
        if each is not None
    }


def _of_looks(seen: dict[str, _Seen]) -> Iterable[GaugeMetricFamily]:
    target = GaugeMetricFamily(
        "turnout_view_target_operations",
        "Operations that documents holds, all of which a view should have",
        labels=("collection", "view"),
    )
    weight = GaugeMetricFamily(
        "turnout_rollout_weight",
        "Share of requests that a release gets, from 0 to 1: by the traffic router, else by its share of ready pods",
        labels=("collection", "release", "rollouts_pod_template_hash"),
    )
    for collection, each in seen.items():
        for view, operations in each.targets.items():
            target.add_metric([collection, view], operations)
        for (release, hash_), share in each.shares.items():
            weight.add_metric([collection, release, hash_], share)
    return target, weight


def _of_sizes(sizes: dict[str, Sizes]) -> Iterable[GaugeMetricFamily]:
    documents = GaugeMetricFamily("turnout_index_documents", "Live documents of an index", labels=_INDEX)
    size = GaugeMetricFamily(
        "turnout_index_bytes", "What an index takes on disk, copies of its shards included", labels=_INDEX
    )
    letters = GaugeMetricFamily(
        "turnout_dead_letters", "What ingestion couldn't read and no later run has resolved", labels=("collection",)
    )
    for collection, each in sizes.items():
        for index, count in each.documents.items():
            documents.add_metric([collection, index], count)
        for index, taken in each.size_bytes.items():
            size.add_metric([collection, index], taken)
        letters.add_metric([collection], each.dead_letters)
    return documents, size, letters
