"""The adapter to Prometheus' HTTP API: raw counters on a grid of equal times. Called by `turnout.judge`."""

from turnout.prometheus.client import Prometheus
from turnout.prometheus.series import Answer, Series

__all__ = ["Answer", "Prometheus", "Series"]
