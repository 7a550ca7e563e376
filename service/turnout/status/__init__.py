"""The truth about a collection at this moment, in one value: what `turnout status` shows."""

from turnout.status.collection import ReleaseStatus, Status, ViewStatus, look

__all__ = ["ReleaseStatus", "Status", "ViewStatus", "look"]
