"""Walk the stages that `plan` printed, and nothing else.

Called by `turnout apply` and `turnout revert`. Every stage can be walked again: an apply that was interrupted is
resumed by planning once more, since the plan starts from what the cluster shows.
"""

from turnout.apply.context import Context, Ended, Event, Started
from turnout.apply.revert import revert
from turnout.apply.walk import apply

__all__ = ["Context", "Ended", "Event", "Started", "apply", "revert"]
