"""The adapter to the host of the Git repository: proposes the commit that takes a failed release back.

Called by `turnout.controller`. `GitHost` is the whole interface; GitHub is the first that speaks it.
"""

from turnout.githost.proposal import GitHost, Revert

__all__ = ["GitHost", "Revert"]
