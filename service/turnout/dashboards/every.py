"""All dashboards. Used by the rest of this package's callers: the check, the pictures, the JSON and tests."""

from __future__ import annotations

from turnout.dashboards.cost_and_drift import COST_AND_DRIFT
from turnout.dashboards.panels import Dashboard
from turnout.dashboards.rollout import ROLLOUT
from turnout.dashboards.service import SERVICE
from turnout.dashboards.views import VIEWS

EVERY: tuple[Dashboard, ...] = (ROLLOUT, VIEWS, SERVICE, COST_AND_DRIFT)
