"""The stories, in the order in which they are played: each begins where the former left the world, healthy."""

from e2e.stories.admitting import ONLY_DIGESTS
from e2e.stories.checking import DRY_RUN, STATUS, TRAPS
from e2e.stories.killing import KILL_API_SERVER, KILL_CONTROLLER, KILL_ELASTICSEARCH, KILL_FOLLOWER, KILL_SERVICE
from e2e.stories.mistakes import ALIAS_BY_HAND, BROKEN_CONFIG_MAP, UNKNOWN_COLLECTION
from e2e.stories.promoting import BOOTSTRAP, MODEL_CHANGE, QUERY_ONLY, REVERT, TWO_COMMITS
from e2e.stories.rebuilding import REBUILT_AFTER, REBUILT_BEFORE
from e2e.stories.stopping import ERRORS_STOPPED, QUALITY_STOPPED, SLOW_STOPPED
from e2e.stories.story import Figures, Story

__all__ = ["STORIES", "Figures", "Story"]

STORIES = (
    BOOTSTRAP,
    MODEL_CHANGE,
    ALIAS_BY_HAND,  # while the former view is still followed
    REVERT,
    QUERY_ONLY,
    SLOW_STOPPED,
    ERRORS_STOPPED,
    QUALITY_STOPPED,
    BROKEN_CONFIG_MAP,
    UNKNOWN_COLLECTION,
    TWO_COMMITS,
    KILL_CONTROLLER,
    KILL_FOLLOWER,
    KILL_SERVICE,
    KILL_ELASTICSEARCH,
    KILL_API_SERVER,
    REBUILT_BEFORE,
    REBUILT_AFTER,
    STATUS,
    TRAPS,
    DRY_RUN,
    ONLY_DIGESTS,
)
