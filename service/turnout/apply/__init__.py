"""Walk the stages that `plan` printed, and nothing else.

Called by `turnout apply` and `turnout revert`. Every stage can be walked again: an apply that was interrupted is
resumed by planning once more, since the plan starts from what the cluster shows.
"""

from turnout.apply.context import Context, Ended, Event, Started, Waiting
from turnout.apply.partial import UNTIL, Until, is_ready, up_to
from turnout.apply.persisting import persistently
from turnout.apply.quarantined import require_free
from turnout.apply.revert import revert
from turnout.apply.shard import fill_shard
from turnout.apply.walk import apply

__all__ = [
    "UNTIL",
    "Context",
    "Ended",
    "Event",
    "Started",
    "Until",
    "Waiting",
    "apply",
    "fill_shard",
    "is_ready",
    "persistently",
    "require_free",
    "revert",
    "up_to",
]
