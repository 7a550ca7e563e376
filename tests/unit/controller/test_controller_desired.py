"""What the controller does about what it sees: roles, Jobs, followers."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from support.observing import (
    FIELD,
    FIRST,
    MODEL,
    QUERY,
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
from turnout.controller.actions import Collect, Fill, Follow, State, Stop, Verify
from turnout.controller.desired import desired
from turnout.controller.observed import Observed


def actions(seen: Observed, kind: Any = object) -> list[Any]:
    return [action for action in desired(seen).actions if isinstance(action, kind)]


def state_of(seen: Observed, hash: str) -> tuple[State, str]:
    return next((found.state, found.waits_for) for found in desired(seen).standings if found.hash == hash)


def without_alias(**more: Any) -> Observed:
    """A collection's first release, nothing built."""
    first = {"work": (), "views": (), "records": (), "flips": (), "targets": frozenset()}
    return healthy(**(first | {"revisions": (revision(FIRST, "stable", ready=0),)} | more))


def test_nothing_is_done_where_all_is_as_it_should_be() -> None:
    decision = desired(healthy())
    assert decision.actions == ()
    assert decision.problems == {}
    assert [found.state for found in decision.standings] == ["ready"]


@pytest.mark.parametrize(
    ("unknown", "word", "state"),
    [
        ({"rollout": None}, "no-rollout", "unknown"),
        ({"rollout": rollout(settled=False)}, "unsettled", "unknown"),
        ({"shards": 0}, "no-documents", "waiting"),
    ],
)
def test_nothing_is_done_where_something_is_unknown(unknown: dict[str, Any], word: str, state: State) -> None:
    moved = trial(MODEL, view(MODEL), targets=frozenset({"elsewhere"}), **unknown)
    decision = desired(moved)
    assert decision.actions == ()
    assert word in decision.problems
    assert {found.state for found in decision.standings} == {state}


def test_what_is_certainly_bad_stays_so_while_roles_are_unknown() -> None:
    seen = trial(MODEL, quarantined={MODEL.id: quarantine(MODEL)}, rollout=None)
    assert state_of(seen, MODEL.id)[0] == "quarantined"


def test_a_first_release_is_filled_by_a_pod_for_each_shard_and_then_verified() -> None:
    seen = without_alias()
    assert actions(seen) == [Fill(release_id=FIRST.id, hash=FIRST.id, shards=4)]
    filled = replace(
        seen, views=(view(FIRST),), records=(record(FIRST, "building"),), work=(job("fill", FIRST, "complete"),)
    )
    assert actions(filled, Verify) == [Verify(release_id=FIRST.id, hash=FIRST.id)]
    assert actions(filled, Fill) == []


def test_the_verification_fills_what_a_complete_fill_left_out() -> None:
    seen = trial(MODEL, view(MODEL, filled=False), job("fill", MODEL, "complete"), record(MODEL, "building"))
    assert actions(seen) == [Verify(release_id=MODEL.id, hash=MODEL.id)]


@pytest.mark.parametrize("release", [QUERY, FIELD])
def test_a_change_that_writes_no_document_is_only_verified(release: Any) -> None:
    assert actions(trial(release)) == [Verify(release_id=release.id, hash=release.id)]


def test_a_field_is_added_in_place_only_to_the_live_view() -> None:
    only_a_former_one = trial(FIELD, targets=frozenset(), records=(record(FIRST, "former"),), flips=())
    assert [action.release_id for action in actions(only_a_former_one, Fill)] == [FIELD.id]


def test_a_field_is_added_in_place_though_somebody_moved_the_alias_just_now() -> None:
    moved = trial(FIELD, targets=frozenset({"elsewhere"}))
    assert actions(moved, Fill | Verify) == [Verify(release_id=FIELD.id, hash=FIELD.id)]


def test_a_ready_release_needs_nothing_but_a_follower() -> None:
    seen = trial(MODEL, view(MODEL), record(MODEL, "ready"))
    assert state_of(seen, MODEL.id) == ("ready", "")
    name, config_map = view_name(MODEL), f"release-{MODEL.id}"
    assert actions(seen) == [Follow(view=name, release_id=MODEL.id, hash=MODEL.id, config_map=config_map)]
    assert actions(replace(seen, work=(*seen.work, follower(name, MODEL)))) == []


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ([job("fill", MODEL)], ("building", "its view is being filled")),
        ([job("verify", MODEL)], ("verifying", "its verification is under way")),
        ([record(MODEL, "failed", reason="parity: 3 differ")], ("failed", "parity: 3 differ")),
        (
            [record(MODEL, "verifying", reason="quality: too few"), job("verify", MODEL, "failed", seconds_ago=1)],
            ("waiting", "its verification was inconclusive and is tried again: quality: too few"),
        ),
        (
            [job("fill", MODEL, "failed", reason="BackoffLimitExceeded")],
            ("waiting", f"fill-toys-{MODEL.id} failed and is tried again: BackoffLimitExceeded"),
        ),
        (
            [view(MODEL, behind=5000), record(MODEL, "ready")],
            ("waiting", f"{view_name(MODEL)} catches up with the documents"),
        ),
        (
            [view(MODEL, behind=None), record(MODEL, "ready")],
            ("waiting", f"how far {view_name(MODEL)} is behind the documents can't be known"),
        ),
        ([record(MODEL, "ready")], ("waiting", "its view has to be filled")),
        ([view(MODEL), record(MODEL, "ready", of="another")], ("waiting", "it has to be verified")),
    ],
)
def test_a_standing_says_what_waits_for_what(more: list[Any], expected: tuple[State, str]) -> None:
    assert state_of(trial(MODEL, *more), MODEL.id) == expected


def test_a_release_that_cannot_be_read_fails_its_canary_and_stable_goes_on() -> None:
    unread = revision(None, "canary", number=2, problem="not valid JSON")
    decision = desired(healthy(revisions=(unread, revision(FIRST, "stable"))))
    assert [(found.state, found.waits_for) for found in decision.standings] == [
        ("failed", "not valid JSON"),
        ("ready", ""),
    ]
    assert decision.actions == ()
    assert "not valid JSON" in decision.problems["release-unreadable"]


def test_a_lost_view_of_the_stable_release_is_built_before_the_canary_even_while_aborted() -> None:
    seen = trial(MODEL, views=())
    assert [action.release_id for action in actions(seen, Fill)] == [FIRST.id]
    assert state_of(seen, MODEL.id) == ("waiting", f"release {FIRST.id} is built first")
    aborted = replace(seen, rollout=rollout(failed=True))
    assert [action.release_id for action in actions(aborted, Fill)] == [FIRST.id]


def test_a_first_release_that_was_superseded_is_built_after_the_canary() -> None:
    two = (revision(MODEL, "canary", number=2), revision(FIRST, "stable", ready=0))
    seen = without_alias(revisions=two)
    assert actions(seen) == [Fill(release_id=MODEL.id, hash=MODEL.id, shards=4)]
    built = replace(seen, views=(view(MODEL),), records=(record(MODEL, "ready"),))
    assert [action.release_id for action in actions(built, Fill)] == [FIRST.id]


def test_a_job_that_keeps_failing_does_not_hold_up_the_release_that_mends_it() -> None:
    two = (revision(MODEL, "canary", number=2), revision(FIRST, "stable"))
    failing = job("fill", FIRST, "failed", seconds_ago=5)
    seen = without_alias(revisions=two, work=(failing,))
    assert [action.release_id for action in actions(seen, Fill)] == [MODEL.id]
    running = replace(seen, work=(job("fill", FIRST),))
    assert actions(running, Fill) == []
    going_on = replace(seen, work=(failing, job("verify", FIRST)))
    assert actions(going_on, Fill) == []


@pytest.mark.parametrize(
    "more", [{"quarantined": {MODEL.id: quarantine(MODEL, proposal="x")}}, {"rollout": rollout(aborted=True)}]
)
def test_nothing_is_built_for_a_canary_that_was_given_up_and_what_runs_is_stopped(more: dict[str, Any]) -> None:
    assert actions(trial(MODEL, **more)) == []
    stopped = actions(trial(MODEL, job("fill", MODEL), **more))
    assert [(action.name, action.purpose) for action in stopped] == [(f"fill-toys-{MODEL.id}", "fill")]


def test_nothing_is_built_again_for_a_release_that_failed_verification() -> None:
    seen = trial(MODEL, view(MODEL), record(MODEL, "failed", reason="parity"), job("verify", MODEL, "failed"))
    assert actions(seen) == []


def test_a_newer_release_stops_the_jobs_of_the_one_before() -> None:
    former = revision(MODEL, "former", number=2)
    seen = trial(QUERY, job("fill", MODEL), job("verify", MODEL, "complete"))
    seen = replace(seen, revisions=(*seen.revisions, former))
    assert {action.name for action in actions(seen, Stop)} == {f"fill-toys-{MODEL.id}", f"verify-toys-{MODEL.id}"}
    assert {action.why for action in actions(seen, Stop)} == {"another release is asked for"}
    assert [action.release_id for action in actions(seen, Verify)] == [QUERY.id]


def test_jobs_of_a_revision_that_cannot_be_read_just_now_go_on() -> None:
    unread = revision(None, "canary", hash="h2", number=2, problem="no such ConfigMap")
    seen = healthy(revisions=(unread, revision(FIRST, "stable")))
    own, foreign = job("fill", MODEL, hash="h2"), job("fill", QUERY, hash="h3")
    stopped = actions(replace(seen, work=(*seen.work, own, foreign)), Stop)
    assert [action.name for action in stopped] == ["fill-toys-h3"]


def test_a_failed_job_is_tried_again_after_a_while() -> None:
    just_now = trial(MODEL, job("fill", MODEL, "failed", seconds_ago=59.0, reason="DeadlineExceeded"))
    assert actions(just_now) == []
    assert "DeadlineExceeded" in desired(just_now).problems["work-failed"]
    later = trial(MODEL, job("fill", MODEL, "failed", seconds_ago=60.0))
    assert [action.name for action in actions(later)] == [f"fill-toys-{MODEL.id}"]


def test_an_inconclusive_verification_is_tried_again_after_a_longer_while() -> None:
    told = record(MODEL, "verifying", reason="quality: too few queries")
    soon = trial(MODEL, view(MODEL), told, job("verify", MODEL, "failed", seconds_ago=599.0))
    assert actions(soon, Stop | Verify | Fill) == []
    assert "too few queries" in desired(soon).problems["verification-inconclusive"]
    later = trial(MODEL, view(MODEL), told, job("verify", MODEL, "failed", seconds_ago=600.0))
    assert [action.purpose for action in actions(later, Stop)] == ["verify"]


def test_complete_jobs_whose_view_is_gone_are_stopped_before_it_is_filled_again() -> None:
    seen = trial(MODEL, record(MODEL, "ready"), job("fill", MODEL, "complete"), job("verify", MODEL, "complete"))
    assert {action.purpose for action in actions(seen)} == {"fill", "verify"}
    only_filled = trial(MODEL, record(MODEL, "building"), job("fill", MODEL, "complete"))
    assert [type(action) for action in actions(only_filled)] == [Stop]
    assert [type(action) for action in actions(trial(MODEL, record(MODEL, "ready")))] == [Fill]


def test_a_complete_verification_that_left_no_verdict_is_stopped_before_it_is_repeated() -> None:
    seen = trial(MODEL, view(MODEL), record(MODEL, "building"), job("verify", MODEL, "complete"))
    assert [type(action) for action in actions(seen, Stop | Fill | Verify)] == [Stop]


def test_a_view_that_was_never_filled_is_filled() -> None:
    seen = trial(MODEL, view(MODEL, filled=False), record(MODEL, "building"))
    assert [type(action) for action in actions(seen)] == [Fill]


def test_one_job_at_a_time_works_for_a_release() -> None:
    assert actions(trial(MODEL, job("fill", MODEL))) == []
    half = (view(MODEL, filled=False), record(MODEL, "building"))
    assert actions(trial(MODEL, *half, job("fill", MODEL))) == []
    assert actions(trial(MODEL, *half, job("fill", MODEL, "complete"), job("verify", MODEL))) == []


def test_a_job_with_an_image_that_is_not_asked_for_any_more_is_replaced() -> None:
    mended = revision(FIRST, "canary", hash="mended", number=2)
    broken = revision(FIRST, "stable", hash="broken", ready=0)
    seen = without_alias(revisions=(mended, broken), work=(job("fill", FIRST, hash="broken"),))
    assert [action.name for action in actions(seen)] == ["fill-toys-broken"]
    assert actions(replace(seen, work=())) == [Fill(release_id=FIRST.id, hash="mended", shards=4)]


def test_a_job_of_a_release_that_is_ready_ends_by_itself() -> None:
    seen = healthy()
    assert actions(replace(seen, work=(*seen.work, job("verify", FIRST, hash="before")))) == []


def test_the_view_of_the_alias_is_followed_though_no_revision_runs_its_release() -> None:
    rebuilt = healthy(revisions=(revision(MODEL, "stable", ready=0),), work=())
    followed = actions(rebuilt, Follow)
    assert followed == [Follow(view=view_name(FIRST), release_id=FIRST.id, hash=MODEL.id, config_map="")]


def test_a_follower_without_its_own_revision_takes_one_of_the_same_model() -> None:
    revisions = (revision(MODEL, "stable", number=3), revision(FIELD, "former", number=2))
    rebuilt = healthy(revisions=revisions, work=())
    assert actions(rebuilt, Follow)[0].hash == FIELD.id


def after(*more: Any, canary: Any = None) -> Observed:
    """MODEL was promoted over FIRST, which is kept for going back."""
    revisions = (revision(MODEL, "stable", number=2), revision(FIRST, "former"))
    if canary is not None:
        revisions = (revision(canary, "canary", number=3), *revisions)
    return healthy(
        revisions=revisions,
        views=(view(FIRST), view(MODEL)),
        records=(record(FIRST, "former"), record(MODEL, "live"), *more),
        flips=(flip(FIRST), flip(MODEL, FIRST, minute=32)),
        targets=frozenset({view_name(MODEL)}),
        work=(follower(view_name(FIRST), FIRST), follower(view_name(MODEL), MODEL)),
    )


def test_the_release_to_go_back_to_stays_followed() -> None:
    assert actions(after()) == []
    assert {action.view for action in actions(replace(after(), work=()), Follow)} == {
        view_name(FIRST),
        view_name(MODEL),
    }


def test_a_follower_that_cannot_run_is_put_back_where_it_is_wanted_and_else_stopped() -> None:
    first, second = after().work
    lame = replace(first, can_run=False)
    assert [action.view for action in actions(replace(after(), work=(lame, second)))] == [view_name(FIRST)]
    unwanted = replace(lame, name="follow-x", view="x")
    assert actions(replace(after(), work=(first, second, unwanted))) == [
        Stop(name="follow-x", purpose="follow", why="nobody needs x kept up to date")
    ]


def test_the_config_map_that_a_new_follower_will_mount_is_not_collected() -> None:
    seen = replace(after(), revisions=(revision(MODEL, "stable", number=2),))
    spare = {f"release-toys-{FIRST.id}": 9999.0, "other": 9999.0}
    seen = replace(seen, work=seen.work[1:], spare_config_maps=spare)
    assert [action.release_id for action in actions(seen, Follow)] == [FIRST.id]
    assert actions(seen, Collect) == [Collect(config_map="other")]


def test_a_view_is_followed_once_for_the_stable_release() -> None:
    seen = trial(QUERY, record(QUERY, "ready", of=view_name(FIRST)))
    assert actions(seen) == []
    assert [action.release_id for action in actions(replace(seen, work=()), Follow)] == [FIRST.id]


def test_a_shared_view_is_followed_for_the_release_that_was_promoted() -> None:
    shared = healthy(
        revisions=(revision(QUERY, "stable", number=2), revision(FIRST, "former")),
        records=(record(FIRST, "live"), record(QUERY, "ready", of=view_name(FIRST))),
        work=(follower(view_name(FIRST), FIRST, hash=""),),
    )
    assert [(action.release_id, action.hash) for action in actions(shared, Follow)] == [(QUERY.id, QUERY.id)]
    unknown_image = replace(shared, work=(replace(shared.work[0], hash=""),))
    assert [action.release_id for action in actions(unknown_image, Follow)] == [QUERY.id]


def test_a_follower_takes_the_image_of_its_release_once_that_is_stable() -> None:
    trying = (revision(FIRST, "canary", hash="new", number=2), revision(FIRST, "stable"))
    assert actions(healthy(revisions=trying)) == []
    promoted = (revision(FIRST, "stable", hash="new", number=2), revision(FIRST, "former"))
    assert [action.hash for action in actions(healthy(revisions=promoted), Follow)] == ["new"]


@pytest.mark.parametrize(
    "more",
    [
        {"quarantined": {MODEL.id: quarantine(MODEL, proposal="x")}},
        {"records": (record(FIRST, "live"), record(MODEL, "failed"))},
    ],
)
def test_the_view_of_a_release_that_was_given_up_is_not_followed(more: dict[str, Any]) -> None:
    seen = trial(MODEL, view(MODEL), record(MODEL, "ready"), follower(view_name(MODEL), MODEL))
    assert actions(seen) == []
    assert [action.name for action in actions(replace(seen, **more))] == [f"follow-{view_name(MODEL)}"]


def test_what_no_record_and_no_revision_explains_is_told_and_not_followed() -> None:
    stray = view(QUERY, name="stray")
    seen = healthy(views=(view(FIRST), stray), targets=frozenset({"stray"}), records=(record(FIRST, "live"),))
    assert "stray" in desired(seen).problems["not-followed"]
    assert [action.view for action in actions(seen, Follow)] == []


def test_the_same_sight_gives_the_same_decision() -> None:
    seen = trial(MODEL, view(MODEL), record(MODEL, "ready"), job("fill", QUERY), targets=frozenset({"x", "y"}))
    assert desired(seen) == desired(replace(seen))
