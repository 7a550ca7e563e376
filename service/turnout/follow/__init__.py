"""Keep views up to date with the documents index: gap-free, resumable, idempotent (design: "Documents").

`create_view`, then `Follower.catch_up` is a backfill; `finish_filling` when it is full; `Follower.run` from then on.
Used by the command line and apply.
"""

from turnout.follow.follower import Follower
from turnout.follow.job import Counts, Job, Lag, Progress
from turnout.follow.making import create_view, finish_filling, is_filling, new_view
from turnout.follow.progress import lag
from turnout.follow.view import ViewGone, attest, find_view

__all__ = [
    "Counts",
    "Follower",
    "Job",
    "Lag",
    "Progress",
    "ViewGone",
    "attest",
    "create_view",
    "find_view",
    "finish_filling",
    "is_filling",
    "lag",
    "new_view",
]
