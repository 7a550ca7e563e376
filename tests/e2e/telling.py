"""What Argo Rollouts told the stories' chat about the rollout that is at hand. Called by stories."""

from __future__ import annotations

from e2e.kube import ROLLOUTS, group
from e2e.waiting import until
from e2e.world import World
from support.workspace import COLLECTION

_REVISION = "rollout.argoproj.io/revision"


def told(world: World, *events: str) -> str:
    """The message about one of `events` (started, aborted, promoted, reverted) of the Rollout's present revision.

    Raises:
        Late: it doesn't arrive.
    """
    rollout = world.kube.get(group(ROLLOUTS, "rollouts", f"search-{COLLECTION}"))
    assert rollout is not None
    revision = rollout["metadata"]["annotations"][_REVISION]

    def look() -> str:
        texts = [str(each.body["text"]) for each in list(world.chat)]
        heads = tuple(f"*{COLLECTION}: {event}.*" for event in events)
        return next((text for text in texts if text.startswith(heads) and f"evision {revision}" in text), "")

    return until(f"the chat hears that revision {revision} was {' or '.join(events)}", look, seconds=15)
