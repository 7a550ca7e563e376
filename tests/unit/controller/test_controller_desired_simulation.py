"""Whatever happens in whatever order, and wherever the controller is killed: what it does stays safe and comes to rest.

The last three tests show histories that random ones reach rarely.
"""

from __future__ import annotations

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from support.controller_world import EVENTS, RELEASES, World
from support.observing import FIELD, FIRST, MODEL, QUERY
from turnout.alias.retirable import rollback_targets
from turnout.controller.actions import Action, Condemn, Decision, Fill, Flip, Follow, Propose, Retire, Verify
from turnout.controller.desired import desired
from turnout.controller.following import followed
from turnout.controller.observed import Observed
from turnout.controller.retiring import judged_records
from turnout.controller.seen import COMPLETE

# What happens, what it is about, how many of the actions are taken, and whether the last of them is cut in half.
History = list[tuple[str, int, int, bool]]
histories = st.lists(
    st.tuples(st.sampled_from(EVENTS), st.integers(0, 23), st.sampled_from([0, 1, 2, 9, 9, 9, 9]), st.booleans()),
    min_size=10,
    max_size=60,
)
MOST_ROUNDS = 40


def live(history: History) -> World:
    """The world after a history; the controller looks after every event."""
    world = World()
    world.happen("push", 0, ())
    standings = desired(world.observe()).standings
    for event, number, taken, half in history:
        world.happen(event, number, standings)
        standings = reconcile(world, taken, half).standings
    return world


def reconcile(world: World, taken: int, half: bool) -> Decision:
    seen = world.observe()
    decision = desired(seen)
    assert decision == desired(world.observe())
    check(seen, decision)
    for action in decision.actions[:taken]:
        world.apply(action, half=half and action is decision.actions[:taken][-1])
    if len(decision.actions) <= taken and not half:
        again = desired(world.observe()).actions
        assert not [action for action in decision.actions if action in again], "what was done is asked for again"
    return decision


def check(seen: Observed, decision: Decision) -> None:
    """What holds of every single decision."""
    assert seen.rollout is not None
    assert seen.rollout.settled or not decision.actions
    stable, canary = seen.revision("stable"), seen.revision("canary")
    assert stable is not None
    assert stable.release is not None
    asked = {revision.release.id for revision in (stable, canary) if revision is not None and revision.release}
    built = [action for action in decision.actions if isinstance(action, Fill | Verify)]
    assert len(built) <= 1
    for action in built:
        assert action.release_id in asked - seen.quarantined.keys()
        assert not any(work.release_id == action.release_id and not work.ended for work in seen.work if not work.view)
    for action in decision.actions:
        check_action(action, seen, stable.release.id)
    assert len(set(followed(seen)) - seen.targets) <= 3


def check_action(action: Action, seen: Observed, stable_id: str) -> None:
    alive = {found.view.index for found in seen.views}
    match action:
        case Flip():
            told = seen.record(action.release_id)
            assert action.release_id == stable_id
            assert action.release_id not in seen.quarantined
            assert told is not None
            assert told.state in COMPLETE
            assert told.view == action.view
            assert action.view in alive
            assert not seen.frozen
        case Condemn():
            assert seen.rollout is not None
            assert seen.rollout.aborted
            assert action.release_id != stable_id
        case Retire():
            back = rollback_targets(seen.flips, judged_records(seen), keep=1).values()
            assert not seen.frozen
            assert action.view not in seen.targets | set(followed(seen)).union(*back)
            assert not {found.release.id for found in seen.revisions if found.release and found.role != "former"} & {
                told.release_id for told in seen.records if told.view == action.view
            }
            assert action.view not in {work.view for work in seen.work}
        case Follow():
            assert action.view in alive
        case Propose():
            assert not seen.quarantined[action.release_id].proposal


def rest(world: World) -> Decision:
    """Let everything that runs succeed until nothing is left to do."""
    world.calm_down()
    for _ in range(MOST_ROUNDS):
        decision = reconcile(world, 99, half=False)
        running = [work for work in world.work.values() if work.purpose != "follow" and not work.ended]
        if not decision.actions and not running:
            return decision
        asked = {RELEASES[pair[1]].id for pair in world.revisions if pair[0] in (world.stable, world.spec)}
        assert {work.release_id for work in running} <= asked
        for work in running:
            world.end(work, "pass")
        world.happen("time", 0, ())
    raise AssertionError(f"never comes to rest: {decision.actions}")


def check_rest(world: World, decision: Decision) -> None:
    """What holds when nothing is left to do."""
    seen = world.observe()
    stable = world.release_of(world.stable)
    assert stable is not None
    told = seen.record(stable.id)
    is_held = stable.id in world.quarantined or (told is not None and told.state == "failed")
    if not is_held:
        assert world.targets == {world.stable_view()}
        assert told is not None
        assert told.state == "live"
        assert "alias-not-at-stable" not in decision.problems
    assert {work.view for work in world.work.values() if work.purpose == "follow"} == set(followed(seen))
    counting = {found.release.id for found in seen.revisions if found.role != "former" or found.in_window}
    for name in set(world.views) - set(followed(seen)):
        told_of = {kept.release_id for kept in seen.records if kept.view == name}
        assert told_of & counting or name in decision.problems.get("too-many-views", ""), f"{name} is never retired"


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(histories, st.sampled_from(["wait", "promote", "fail"]))
@example([("job", 0, 9, False)] * 3, "wait")
def test_the_controller_is_safe_at_every_step_and_comes_to_rest(history: History, ending: str) -> None:
    world = live(history)
    decision = rest(world)
    check_rest(world, decision)
    if ending != "wait" and world.spec != world.stable and not world.aborted:
        canary, stable, told = world.release_of(world.spec), world.release_of(world.stable), decision.standings
        assert canary is not None
        assert stable is not None
        served = {kept.release_id for kept in world.records.values() if kept.state == "live"}
        world.happen("rollouts", 0 if ending == "promote" else 1, told)
        check_rest(world, rest(world))
        if ending == "fail" and canary.id not in {stable.id} | served:
            assert canary.id in world.quarantined


@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(histories)
def test_the_controller_never_quarantines_by_itself_without_a_verdict(history: History) -> None:
    quiet = [step for step in history if step[0] not in ("rollouts", "job")]
    assert live(quiet).quarantined == {}


def push(world: World, release_id: str) -> None:
    world.happen("push", list(RELEASES).index(release_id), ())


def test_each_change_is_promoted_in_turn_and_only_one_former_view_stays() -> None:
    world = World()
    for release in (FIRST, QUERY, FIELD, MODEL, FIRST):
        push(world, release.id)
        told = rest(world)
        world.happen("rollouts", 0, told.standings)
        check_rest(world, rest(world))
        assert world.stable.startswith(release.id)
    assert len(world.views) == 2


def test_a_release_that_failed_leaves_the_alias_and_what_is_served_as_they_were() -> None:
    world = World()
    push(world, FIRST.id)
    rest(world)
    before = (world.targets, list(world.flips))
    push(world, MODEL.id)
    world.happen("rollouts", 1, rest(world).standings)
    rest(world)
    assert (world.targets, world.flips) == before
    assert world.quarantined[MODEL.id].proposal
    push(world, FIRST.id)
    check_rest(world, rest(world))


def test_a_cluster_made_again_while_the_revert_is_open_keeps_the_alias_where_it_was() -> None:
    world = World()
    push(world, FIRST.id)
    rest(world)
    push(world, MODEL.id)
    world.happen("rollouts", 1, rest(world).standings)
    rest(world)
    world.happen("rebuild", 0, ())
    told = rest(world)
    assert [found.state for found in told.standings] == ["quarantined"]
    assert world.targets == {world.records[FIRST.id].view}
    push(world, FIRST.id)
    told = rest(world)
    assert {found.hash: found.state for found in told.standings}[world.spec] == "ready"
    world.happen("rollouts", 0, told.standings)
    check_rest(world, rest(world))
