"""What should be done about what was seen: all of the controller's judgment, as a pure function. Called by the loop.

| module | asks |
|---|---|
| `seen` | what several of the others ask |
| `standing` | how far is the release of each revision? |
| `building`, `stopping` | which Job is started, which is stopped? |
| `following` | which views are kept up to date? |
| `flipping` | does the alias move? |
| `condemning` | which release is quarantined, whose revert is proposed? |
| `retiring` | which views and ConfigMaps go? |
| `problems` | what must a person know? |
"""

from __future__ import annotations

from collections.abc import Iterator

from turnout.controller.actions import Action, Decision, Follow
from turnout.controller.building import builds
from turnout.controller.condemning import condemned, proposed
from turnout.controller.flipping import judge_flip
from turnout.controller.following import followers_to_stop, follows
from turnout.controller.observed import Observed
from turnout.controller.problems import problems
from turnout.controller.retiring import SPARE_S, collected, retired
from turnout.controller.seen import is_certain
from turnout.controller.standing import standing
from turnout.controller.stopping import stops
from turnout.controller.work import written_name


def desired(observed: Observed, *, spare_s: float = SPARE_S) -> Decision:
    """The actions that bring a collection closer to what Git and Argo Rollouts say; none where nothing is certain.

    They come in the order to take them: what protects users first, what may wait for others last. Each holds by
    itself, so any of them may fail, and all of them may be taken again.

    Args:
        spare_s: seconds after which a release ConfigMap that nothing names is collected.
    """
    return Decision(
        actions=tuple(_actions(observed, spare_s)) if is_certain(observed) else (),
        standings=tuple(standing(revision, observed) for revision in observed.revisions),
        problems=problems(observed),
    )


def _actions(observed: Observed, spare_s: float) -> Iterator[Action]:
    following: list[Follow] = []
    yield from condemned(observed)
    # Without a documents index nothing can be built or compared; it may be on its way back from a snapshot.
    if observed.shards:
        yield from stops(observed)
        yield from followers_to_stop(observed)
        following += follows(observed)
        yield from following
        yield from builds(observed)
        flip = judge_flip(observed).flip
        if flip is not None and not observed.frozen:
            yield flip
    yield from proposed(observed)
    if observed.shards:
        yield from retired(observed)
    # What a follower that is just made will mount may still be there from an earlier one, and spare until then.
    written = {written_name(observed.collection, follow.release_id) for follow in following if not follow.config_map}
    yield from collected(observed, spare_s=spare_s, besides=written)
