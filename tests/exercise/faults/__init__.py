"""The faults, in the order in which they begin; those that need nothing of each other overlap (`schedule`)."""

from exercise.faults.data import DEAD_LETTERS, PARITY
from exercise.faults.fault import Fault
from exercise.faults.nothing import nothing
from exercise.faults.outages import CONTROLLER, ELASTICSEARCH, NO_POD
from exercise.faults.pods import DEGRADED, FOLLOWER, MODEL
from exercise.faults.releases import ALIAS, BACKFILL, FAILED_RELEASE
from exercise.runbook import LOST, read

__all__ = ["FAULTS", "Fault"]

_BROKEN = (
    BACKFILL,  # its release is judged by what stable did within the hour before: by an hour without faults
    ELASTICSEARCH,  # early: a burn rate over six hours holds its alert for half an hour, beside the others
    FOLLOWER,
    FAILED_RELEASE,
    ALIAS,
    DEAD_LETTERS,
    DEGRADED,
    CONTROLLER,
    NO_POD,
    MODEL,
    PARITY,
)
_WITH_FAULT = {name for fault in _BROKEN for name in (*fault.alerts, *fault.also)}
FAULTS = (*_BROKEN, nothing(frozenset(read()) - _WITH_FAULT - {LOST}))
