"""What should be done about what was seen: all of the controller's judgment, as a pure function. Called by the loop."""

from __future__ import annotations

from turnout.controller.actions import Decision
from turnout.controller.observed import Observed


def desired(observed: Observed) -> Decision:
    """The actions that bring a collection closer to what Git and Argo Rollouts say; none where nothing is certain."""
    raise NotImplementedError(observed.collection)
