"""What the controller does about what it sees: the alias, quarantine, retirement, problems."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from support.observing import (
    FIELD,
    FIRST,
    MODEL,
    QUERY,
    at,
    flip,
    follower,
    healthy,
    job,
    quarantine,
    record,
    revision,
    rollout,
    trial,
    view,
    view_name,
)
from turnout.controller.actions import Collect, Condemn, Flip, Propose, Retire, Stop, Verify
from turnout.controller.desired import desired
from turnout.controller.observed import Observed


def actions(seen: Observed, kind: Any = object) -> list[Any]:
    return [action for action in desired(seen).actions if isinstance(action, kind)]


def promoted(release: Any = MODEL, *, of: str = "", **more: Any) -> Observed:
    """Rollouts made `release` stable; the alias is still where it was."""
    views = (view(FIRST), view(release)) if not of else (view(FIRST),)
    name = of or view_name(release)
    settings: dict[str, Any] = {
        "revisions": (revision(release, "stable", number=2), revision(FIRST, "former")),
        "views": views,
        "records": (record(FIRST, "live"), record(release, "ready", of=name)),
        "work": tuple(follower(seen.view.index, FIRST) for seen in views),
    }
    return healthy(**(settings | more))


def test_the_alias_follows_the_stable_release() -> None:
    (moved,) = actions(promoted(), Flip)
    assert (moved.release_id, moved.view, moved.expect) == (MODEL.id, view_name(MODEL), (view_name(FIRST),))
    assert moved.why == "the release is stable"


def test_a_release_on_the_same_view_is_made_live_too() -> None:
    (moved,) = actions(promoted(QUERY, of=view_name(FIRST)), Flip)
    assert (moved.release_id, moved.view, moved.expect) == (QUERY.id, view_name(FIRST), (view_name(FIRST),))


def test_the_alias_stays_while_a_canary_is_on_trial() -> None:
    assert actions(trial(MODEL, view(MODEL), record(MODEL, "ready")), Flip) == []


def test_a_first_release_gets_the_alias_when_one_of_its_pods_is_ready() -> None:
    nothing: dict[str, Any] = {"targets": frozenset(), "flips": (), "records": (record(FIRST, "ready"),)}
    assert [action.expect for action in actions(healthy(**nothing), Flip)] == [()]
    waiting = healthy(**nothing, revisions=(revision(FIRST, "stable", ready=0),))
    assert actions(waiting, Flip) == []


@pytest.mark.parametrize("targets", [frozenset(), frozenset({"elsewhere"}), frozenset({view_name(FIRST), "elsewhere"})])
def test_an_alias_that_was_moved_by_hand_is_put_back_even_without_a_ready_pod(targets: frozenset[str]) -> None:
    seen = healthy(targets=targets, revisions=(revision(FIRST, "stable", ready=0),))
    (moved,) = actions(seen, Flip)
    assert (moved.expect, moved.why) == (tuple(sorted(targets)), "the alias was moved by hand")
    assert "alias-moved" in desired(seen).problems


@pytest.mark.parametrize("last", [flip(FIRST), flip(MODEL, FIRST, minute=32)])
def test_an_interrupted_flip_is_ended(last: Any) -> None:
    flips = (flip(FIRST), last) if last.to_release == MODEL.id else (last,)
    seen = promoted(targets=frozenset({view_name(MODEL)}), flips=flips)
    assert [action.view for action in actions(seen, Flip)] == [view_name(MODEL)]
    assert "alias-moved" not in desired(seen).problems


def test_a_history_that_tells_another_story_than_alias_and_records_is_mended() -> None:
    seen = healthy(flips=(flip(MODEL), flip(FIRST, MODEL, minute=32), flip(MODEL, FIRST, minute=33)))
    assert [action.view for action in actions(seen, Flip)] == [view_name(FIRST)]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"records": (record(FIRST, "live"), record(MODEL, "verifying"))}, "not verified yet"),
        ({"records": (record(FIRST, "live"), record(MODEL, "failed"))}, "is failed"),
        ({"quarantined": {MODEL.id: quarantine(MODEL)}}, "is quarantined"),
        ({"views": (view(FIRST),)}, "its view is gone"),
        ({"views": (view(FIRST), view(MODEL, behind=5000))}, "behind the documents"),
        ({"views": (view(FIRST), view(MODEL, behind=None))}, "behind the documents"),
        ({"revisions": (revision(MODEL, "stable", ready=0),)}, "no pod"),
        ({"revisions": (revision(None, "stable", problem="gone"),)}, "can't be read"),
    ],
)
def test_the_alias_stays_where_the_stable_release_cannot_take_it(more: dict[str, Any], words: str) -> None:
    decision = desired(promoted(**more))
    assert not any(isinstance(action, Flip) for action in decision.actions)
    assert words in decision.problems["alias-not-at-stable"]


def test_a_frozen_collection_is_told_only_if_something_waits() -> None:
    decision = desired(promoted(frozen="an audit"))
    assert not any(isinstance(action, Flip | Retire) for action in decision.actions)
    assert "an audit" in decision.problems["frozen"]
    assert desired(healthy(frozen="an audit")).problems == {}


def test_a_canary_that_failed_its_analysis_is_condemned_and_stable_named() -> None:
    seen = trial(MODEL, view(MODEL), record(MODEL, "ready"), rollout=rollout(failed=True))
    assert actions(seen)[0] == Condemn(
        release_id=MODEL.id, by="search-toys-2-1: errors", reason="too many errors", stable=FIRST.id
    )


def test_a_failed_canary_is_condemned_though_a_record_calls_it_live_where_the_alias_is_not() -> None:
    seen = trial(MODEL, view(MODEL), record(MODEL, "live"), rollout=rollout(failed=True))
    assert [action.release_id for action in actions(seen, Condemn)] == [MODEL.id]


def test_who_condemned_is_still_known_after_a_crash_between_the_record_and_the_quarantine() -> None:
    half = record(MODEL, "failed", reason="too many errors")
    seen = trial(MODEL, view(MODEL), half, rollout=rollout(failed=True))
    assert [action.by for action in actions(seen, Condemn)] == ["search-toys-2-1: errors"]


@pytest.mark.parametrize("failed", [True, False])
def test_a_canary_that_failed_its_verification_is_condemned_once_it_is_aborted(failed: bool) -> None:
    told = record(MODEL, "failed", reason="parity: 3 differ")
    running = trial(MODEL, view(MODEL), told)
    assert actions(running, Condemn) == []
    (found,) = actions(replace(running, rollout=rollout(failed=failed, aborted=True)), Condemn)
    assert (found.by, found.reason) == ("verification", "parity: 3 differ")


@pytest.mark.parametrize(
    "seen",
    [
        trial(MODEL, rollout=rollout(aborted=True)),
        trial(MODEL, rollout=rollout(failed=True, aborted=False)),
        trial(MODEL, rollout=rollout(failed=True), quarantined={MODEL.id: quarantine(MODEL, proposal="x")}),
        trial(MODEL, rollout=rollout(failed=True), revisions=(revision(MODEL, "canary"), revision(None, "stable"))),
        trial(MODEL, rollout=rollout(failed=True), revisions=(revision(MODEL, "canary"),)),
        trial(MODEL, rollout=rollout(failed=True), revisions=(revision(None, "canary"), revision(FIRST, "stable"))),
        trial(FIRST, rollout=rollout(failed=True)),
        trial(FIRST, rollout=rollout(failed=True), records=(record(FIRST, "ready"),)),
        trial(FIRST, rollout=rollout(failed=True), revisions=(revision(FIRST, "canary"), revision(MODEL, "stable"))),
    ],
    ids=[
        "error",
        "not aborted",
        "known",
        "stable unread",
        "no stable",
        "canary unread",
        "same release",
        "same, not live",
        "live",
    ],
)
def test_nobody_else_is_condemned(seen: Observed) -> None:
    assert actions(seen, Condemn) == []


def test_a_release_that_was_condemned_before_is_not_named_as_what_to_go_back_to() -> None:
    seen = trial(
        FIELD,
        rollout=rollout(failed=True),
        revisions=(revision(FIELD, "canary", number=3), revision(MODEL, "stable", number=2, ready=0)),
        quarantined={MODEL.id: quarantine(MODEL, proposal="x")},
    )
    assert [action.stable for action in actions(seen, Condemn)] == [FIRST.id]


def test_a_new_image_that_failed_is_told_and_its_release_spared() -> None:
    canary = revision(FIRST, "canary", hash="new", number=2)
    seen = healthy(revisions=(canary, revision(FIRST, "stable")), rollout=rollout(failed=True))
    decision = desired(seen)
    assert decision.actions == ()
    assert "image-failed" in decision.problems


def test_a_quarantined_release_is_reverted_in_git_once() -> None:
    seen = trial(MODEL, quarantined={MODEL.id: quarantine(MODEL)}, rollout=rollout(failed=True))
    assert actions(seen) == [Propose(release_id=MODEL.id)]
    proposed = replace(seen, quarantined={MODEL.id: quarantine(MODEL, proposal="https://git/1")})
    assert actions(proposed) == []
    assert "https://git/1" in desired(proposed).problems["quarantined"]


def test_a_cluster_made_again_from_git_proposes_the_revert_of_what_it_was_given() -> None:
    given: dict[str, Any] = {
        "quarantined": {MODEL.id: quarantine(MODEL)},
        "revisions": (revision(MODEL, "stable", ready=0),),
    }
    decision = desired(healthy(**given))
    assert decision.actions == (Propose(release_id=MODEL.id),)
    assert decision.standings[0].state == "quarantined"
    assert view_name(FIRST) in decision.problems["alias-not-at-stable"]


def test_nothing_is_proposed_once_git_asks_for_another_release() -> None:
    merged = (revision(FIRST, "canary", number=2), revision(MODEL, "stable", ready=0))
    assert actions(healthy(revisions=merged, quarantined={MODEL.id: quarantine(MODEL)}), Propose) == []


@pytest.mark.parametrize("stable", [None, MODEL])
def test_without_a_release_to_return_to_nothing_is_proposed(stable: Any) -> None:
    assert actions(trial(MODEL, quarantined={MODEL.id: quarantine(MODEL, stable=stable)})) == []


def test_a_quarantined_release_that_git_left_is_not_proposed() -> None:
    former = (revision(MODEL, "former", number=2), revision(FIRST, "stable"))
    assert actions(healthy(revisions=former, quarantined={MODEL.id: quarantine(MODEL)}), Propose) == []


def test_a_superseded_build_is_retired_when_nothing_works_on_it() -> None:
    former = revision(MODEL, "former", number=2)
    left = trial(QUERY, view(MODEL, filled=False), record(MODEL, "building"))
    left = replace(left, revisions=(*left.revisions, former))
    assert [action.view for action in actions(left, Retire)] == [view_name(MODEL)]
    followed = replace(left, work=(*left.work, follower(view_name(MODEL), MODEL)))
    assert actions(followed, Retire) == []
    assert actions(replace(left, frozen="an audit"), Retire) == []
    ending = desired(replace(left, work=(*left.work, job("fill", MODEL)))).actions
    assert [type(action) for action in ending] == [Stop, Verify]


def test_an_earlier_attempt_at_a_view_is_retired_though_its_release_is_asked_for() -> None:
    again = view(MODEL, name="again")
    again = replace(again, view=replace(again.view, meta=replace(again.view.meta, created_at=at(20))))
    seen = trial(MODEL, view(MODEL), again, record(MODEL, "ready", of="again"), follower("again", MODEL))
    assert actions(seen) == [Retire(view=view_name(MODEL))]


def test_the_release_to_go_back_to_is_kept_though_its_view_was_built_again() -> None:
    seen = promoted(
        revisions=(revision(MODEL, "stable", number=2),),
        records=(record(FIRST, "ready"), record(MODEL, "live")),
        flips=(flip(FIRST), flip(MODEL, FIRST, minute=32)),
        targets=frozenset({view_name(MODEL)}),
        work=(follower(view_name(MODEL), MODEL),),
    )
    assert [action.view for action in actions(seen)] == [view_name(FIRST)]
    assert actions(seen, Retire) == []


@pytest.mark.parametrize(
    "kept",
    [
        revision(MODEL, "canary", number=2),
        revision(MODEL, "former", number=2, in_window=True),
        revision(None, "former", number=2, in_window=True),
    ],
)
def test_a_view_that_pods_may_come_to_search_is_kept(kept: Any) -> None:
    left = healthy(views=(view(FIRST), view(MODEL)), records=(record(FIRST, "live"), record(MODEL, "ready")))
    assert [action.view for action in actions(left, Retire)] == [view_name(MODEL)]
    assert actions(replace(left, revisions=(kept, *left.revisions)), Retire) == []


def test_a_quarantined_release_is_not_what_one_goes_back_to() -> None:
    seen = healthy(
        views=(view(FIRST), view(MODEL), view(FIELD)),
        records=(record(FIRST, "live"), record(MODEL, "former"), record(FIELD, "former")),
        flips=(flip(FIELD), flip(MODEL, FIELD, minute=32), flip(FIRST, MODEL, minute=33)),
        work=(follower(view_name(FIRST), FIRST), follower(view_name(FIELD), FIELD)),
        quarantined={MODEL.id: quarantine(MODEL, proposal="x")},
    )
    assert actions(seen) == [Retire(view=view_name(MODEL))]


def test_a_view_that_nothing_explains_is_told_and_kept() -> None:
    decision = desired(healthy(views=(view(FIRST), view(MODEL))))
    assert decision.actions == ()
    assert view_name(MODEL) in decision.problems["too-many-views"]


def test_a_config_map_is_collected_when_it_is_old_and_nothing_mounts_it() -> None:
    spare = {"young": 3599.0, "old": 3600.0, "mounted": 9999.0}
    worker = replace(follower(view_name(FIRST), FIRST), config_map="mounted")
    seen = healthy(spare_config_maps=spare, work=(worker,))
    assert actions(seen) == [Collect(config_map="old")]
    assert desired(seen, spare_s=10.0).actions == (Collect(config_map="old"), Collect(config_map="young"))


def test_a_pause_for_want_of_evidence_is_told() -> None:
    paused = rollout(phase="Paused", message="InconclusiveAnalysisRun")
    assert set(desired(trial(MODEL, view(MODEL), rollout=paused)).problems) == {"paused-inconclusive"}
    waiting = rollout(phase="Paused", message="CanaryPauseStep")
    assert desired(trial(MODEL, view(MODEL), rollout=waiting)).problems == {}


def test_a_searched_view_that_lags_is_told() -> None:
    assert "view-behind" in desired(healthy(views=(view(FIRST, behind=5000),))).problems
    assert "view-behind" not in desired(healthy(views=(view(FIRST, behind=5),))).problems
