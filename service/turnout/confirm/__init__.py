"""Holds the plan's rules against a real server, before they are believed.

Called by `turnout plan --confirm`. The docs, the code and the point releases of Elasticsearch disagree about what can
be changed in place; the server that will do it is the judge.
"""

from turnout.confirm.check import Finding, confirm

__all__ = ["Finding", "confirm"]
