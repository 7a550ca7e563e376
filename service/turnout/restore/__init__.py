"""Bring a collection's documents back from a snapshot, without what was deleted since it was taken.

`look` checks everything and says what will be done, `Restoration` does it. Used by `turnout restore`.
"""

from turnout.restore.look import Choice, Plan, look
from turnout.restore.report import Report
from turnout.restore.work import Restoration

__all__ = ["Choice", "Plan", "Report", "Restoration", "look"]
