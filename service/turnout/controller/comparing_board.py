"""Parity of views as Prometheus reads it: from the stored records, so that a restart loses nothing. Part of `Board`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily

from turnout.controller.by_collection import ByCollection
from turnout.elastic.state import ParityRecord
from turnout.verify.differences import KINDS

OnShow = Mapping[str, ParityRecord | datetime]
"""By index name, what is known of each view that is followed; or since when it waits for its first comparison."""


class ParityBoard:
    """The gauges of all collections. Any thread may scrape."""

    def __init__(self) -> None:
        self._shown = ByCollection[OnShow]()

    def show(self, collection: str, on_show: OnShow) -> None:
        """What is known of the views that are followed now; series of all others end."""
        self._shown.put(collection, dict(on_show))

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
        for collection, on_show in self._shown.items():
            for view, record in sorted(on_show.items(), key=lambda item: item[0]):
                if isinstance(record, datetime):
                    at.add_metric([collection, view], record.timestamp())
                else:
                    at.add_metric([collection, view], datetime.fromisoformat(record.compared_at).timestamp())
                    for kind in KINDS:
                        differences.add_metric([collection, view, kind], record.differences.get(kind, 0))
        return differences, at
