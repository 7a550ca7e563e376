"""Judged quality as Prometheus reads it: from the stored records, so that a restart loses nothing. Part of `Board`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client.core import GaugeMetricFamily

from turnout.controller.by_collection import ByCollection
from turnout.elastic.state import ProbeRecord

OnShow = Mapping[str, ProbeRecord]
"""By release id, the record that its figures are taken from."""


class ProbeBoard:
    """The gauges of all collections. Any thread may scrape."""

    def __init__(self) -> None:
        self._shown = ByCollection[OnShow]()

    def show(self, collection: str, on_show: OnShow) -> None:
        """What is known of the releases that serve a collection now; series of all others end."""
        self._shown.put(collection, dict(on_show))

    def only(self, collections: Iterable[str]) -> None:
        """Forget all other collections."""
        self._shown.only(collections)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Called at each scrape."""
        by_metric = ("collection", "release", "metric")
        quality = GaugeMetricFamily(
            "turnout_judged_quality", "Mean of a ranking metric over the query set, asked of the pods", labels=by_metric
        )
        loss = GaugeMetricFamily(
            "turnout_judged_quality_loss",
            "What the mean was at promotion, less what it is now; positive is worse",
            labels=by_metric,
        )
        recall = GaugeMetricFamily(
            "turnout_probe_ann_recall",
            "Share of the exact nearest documents of stored passages that approximate search finds",
            labels=("collection", "release"),
        )
        for collection, on_show in self._shown.items():
            for release, record in sorted(on_show.items()):
                for metric, value in sorted(record.values.items()):
                    quality.add_metric([collection, release, metric], value)
                    if metric in record.reference:
                        loss.add_metric([collection, release, metric], record.reference[metric] - value)
                if record.ann_recall is not None:
                    recall.add_metric([collection, release], record.ann_recall)
        return quality, loss, recall
