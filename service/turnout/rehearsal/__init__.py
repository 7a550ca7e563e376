"""Base and head of a change side by side on an ephemeral Elasticsearch, by the stages that production will walk.

Called by `turnout check`.
"""

from turnout.rehearsal.rehearse import rehearse
from turnout.rehearsal.result import Rehearsal
from turnout.rehearsal.settings import Event, Phase, Settings

__all__ = ["Event", "Phase", "Rehearsal", "Settings", "rehearse"]
