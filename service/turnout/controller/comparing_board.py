"""Parity of views as Prometheus reads it: from the stored records, so that a restart loses nothing. Part of `Board`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily

from turnout.controller.by_collection import ByCollection
from turnout.elastic.state import ParityRecord
from turnout.verify.differences import KINDS

OnShow = Mapping[str, ParityRecord | datetime]
"""By index name, what is known of each view that is followed; or since when it waits for its first comparison."""


class _Shown(NamedTuple):
    views: OnShow
    searched: frozenset[str]


class ParityBoard:
    """The gauges of all collections. Any thread may scrape."""

    def __init__(self) -> None:
        self._shown = ByCollection[_Shown]()

    def show(self, collection: str, on_show: OnShow, *, searched: frozenset[str]) -> None:
        """What is known of the views that are followed now, and which of them searches go to; series of all others
        end.
        """
        self._shown.put(collection, _Shown(dict(on_show), searched))

    def only(self, collections: Iterable[str]) -> None:
        """Forget all other collections."""
        self._shown.only(collections)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Called at each scrape. A view that was never compared has a time without differences: it gets old, too."""
        differences = GaugeMetricFamily(
            "turnout_view_parity_differences",
            "Documents in which a view and documents differ, by kind, as of the last comparison",
            labels=("collection", "view", "kind"),
        )
        at = GaugeMetricFamily(
            "turnout_view_parity_timestamp_seconds",
            "Unix time when a view was last compared with documents, or first seen if it never was",
            labels=("collection", "view"),
        )
        # Here, for it has to last as long as the differences: they are worse where somebody searches.
        gets_searches = GaugeMetricFamily(
            "turnout_view_searched",
            "Whether searches go to a view that is compared with documents",
            labels=("collection", "view"),
        )
        for collection, shown in self._shown.items():
            for view, record in sorted(shown.views.items(), key=lambda item: item[0]):
                gets_searches.add_metric([collection, view], float(view in shown.searched))
                if isinstance(record, datetime):
                    at.add_metric([collection, view], record.timestamp())
                else:
                    at.add_metric([collection, view], datetime.fromisoformat(record.compared_at).timestamp())
                    for kind in KINDS:
                        differences.add_metric([collection, view, kind], record.differences.get(kind, 0))
        return differences, at, gets_searches
