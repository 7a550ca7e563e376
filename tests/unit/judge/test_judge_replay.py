"""Which trials took place, by what was scraped when."""

from __future__ import annotations

import pytest

from turnout.errors import BadInput
from turnout.judge.replay import PastTrial, Presence, trials
from turnout.judge.replay_choice import Wanted, choose

DAY = 86_400.0
LOOK = 60


def seen(template_hash: str, *stays: tuple[int, int]) -> Presence:
    """A hash that was scraped from minute to minute, once or several times."""
    minutes = [minute for begin, end in stays for minute in range(begin, end + 1)]
    return Presence(template_hash, f"r-{template_hash}", tuple(DAY + LOOK * minute for minute in minutes))


def found(*presences: Presence, until: int = 600) -> list[PastTrial]:
    return trials(presences, collection="toys", until=DAY + LOOK * until)


def told(past: PastTrial) -> tuple[str, str, float, float, str]:
    """Stable, canary, minutes of start and end, how it ended."""
    trial = past.trial
    return trial.stable, trial.canary, (trial.since - DAY) / LOOK, (past.until - DAY) / LOOK, past.end


def test_a_canary_is_what_comes_up_while_another_release_serves_and_promotion_is_that_stable_leaves() -> None:
    assert [told(each) for each in found(seen("a", (0, 120)), seen("b", (60, 300)))] == [
        ("a", "b", 60, 120, "promoted")
    ]


def test_a_canary_that_leaves_before_stable_was_stopped() -> None:
    assert [told(each) for each in found(seen("a", (0, 500)), seen("b", (60, 90)))] == [("a", "b", 60, 90, "stopped")]


def test_a_trial_whose_both_sides_are_there_to_the_end_of_the_range_is_running() -> None:
    assert told(found(seen("a", (0, 600)), seen("b", (570, 600)))[0]) == ("a", "b", 570, 600, "running")


def test_the_first_release_of_a_collection_is_no_canary() -> None:
    assert found(seen("a", (0, 600))) == []


def test_releases_that_were_both_there_when_the_data_begin_are_no_trial() -> None:
    assert found(seen("a", (0, 600)), seen("b", (0, 600))) == []


def test_stable_of_a_canary_that_replaces_another_one_is_the_release_that_stays() -> None:
    all_three = found(seen("a", (0, 400)), seen("b", (60, 91)), seen("c", (90, 200)))
    assert [told(each)[:2] for each in all_three] == [("a", "b"), ("a", "c")]


def test_stable_after_a_promotion_is_the_promoted_release_even_while_the_former_one_drains() -> None:
    after = found(seen("a", (0, 101)), seen("b", (60, 400)), seen("c", (100, 300)))
    assert told(after[1]) == ("b", "c", 100, 300, "stopped")


def test_a_canary_that_is_tried_again_later_is_a_second_trial() -> None:
    again = found(seen("a", (0, 500)), seen("b", (60, 90), (200, 230)))
    assert [told(each)[2:] for each in again] == [(60, 90, "stopped"), (200, 230, "stopped")]


def test_an_hour_without_any_scrape_ends_no_trial_because_prometheus_was_away() -> None:
    assert [told(each) for each in found(seen("a", (0, 90), (150, 400)), seen("b", (60, 90), (150, 300)))] == [
        ("a", "b", 60, 300, "stopped")
    ]


PRESENT = (seen("a", (0, 500)), seen("b", (60, 90)), seen("c", (200, 230)))


def asked(minute: int, **hashes: str) -> tuple[PastTrial, list[PastTrial]]:
    wanted = Wanted("search-toys", "toys", DAY + LOOK * minute, **hashes)
    return choose(wanted, found(*PRESENT), list(PRESENT))


def test_the_first_trial_after_since_is_meant_and_the_others_are_named() -> None:
    chosen, others = asked(30)
    assert (chosen.trial.canary, [each.trial.canary for each in others]) == ("b", ["c"])


def test_a_trial_before_since_is_not_meant() -> None:
    chosen, others = asked(100)
    assert (chosen.trial.canary, others) == ("c", [])


def test_a_hash_chooses_among_several_trials() -> None:
    chosen, others = asked(30, canary="c")
    assert (chosen.trial.canary, [each.trial.canary for each in others]) == ("c", ["b"])
    assert asked(30, stable="a")[0].trial.canary == "b"


def test_a_trial_that_was_running_at_since_is_meant_only_by_its_name() -> None:
    assert asked(80, canary="b")[0].trial.canary == "b"
    assert asked(80)[0].trial.canary == "c"


def test_a_trial_whose_beginning_was_not_looked_at_is_not_judged_from_amid_it() -> None:
    cut = (seen("a", (140, 500)), seen("b", (141, 300)))  # since minute 200, so looked at from 140
    wanted = Wanted("search-toys", "toys", DAY + LOOK * 200, canary="b")
    with pytest.raises(BadInput) as caught:
        choose(wanted, found(*cut), list(cut))
    assert "one was running then" in caught.value.what
    assert "give --since 1970-01-02T02:20:00Z" in caught.value.remedy


@pytest.mark.parametrize(
    ("minute", "hashes", "what", "remedy"),
    [
        (300, {}, "no canary came up after 1970-01-02T05:00:00Z", "give an earlier --since"),
        (210, {}, "one was running then", "give --since 1970-01-02T03:19:00Z"),
        (30, {"canary": "x"}, "no trial of these hashes", "b beside a from 1970-01-02T01:00:00Z, c beside a"),
        (30, {"stable": "x"}, "no trial of these hashes", "name one of these canaries: b beside a"),
    ],
)
def test_where_no_trial_is_meant_it_is_said_what_there_is(
    minute: int, hashes: dict[str, str], what: str, remedy: str
) -> None:
    with pytest.raises(BadInput) as caught:
        asked(minute, **hashes)
    assert what in caught.value.what
    assert remedy in caught.value.remedy
    assert caught.value.where == "search-toys"
