"""The stories' accounting: what counts as failed, mixed or lost, and what a story broke on purpose."""

from typing import Any

import pytest

from e2e.accounting import EVERYTHING, SEARCHES, Window, answers, judge, latest, settle
from e2e.events import Event, EventLog, note
from turnout.elastic.reader import Hit

SERVING = {"r-a": frozenset({"view-1"}), "r-b": frozenset({"view-2", "view-3"})}


def search(at: float = 1.0, **changes: Any) -> Event:
    return Event(
        **{"kind": "search", "at": at, "until": at + 0.1, "status": 200, "release": "r-a", "view": "view-1"} | changes
    )


def test_a_good_answer_of_the_releases_own_view_is_no_failure() -> None:
    account = judge([search(), search(release="r-b", view="view-3")], serving=SERVING)
    assert (account.sent, account.failed, account.mixed, account.problems) == (2, 0, 0, [])


@pytest.mark.parametrize(("release", "view"), [("r-a", "view-2"), ("r-b", "view-1"), ("r-unknown", "view-1"), ("", "")])
def test_an_answer_from_another_releases_view_is_mixed(release: str, view: str) -> None:
    assert judge([search(release=release, view=view)], serving=SERVING).mixed == 1


@pytest.mark.parametrize("status", [0, 400, 401, 429, 500, 503])
def test_anything_but_2xx_is_failed(status: int) -> None:
    account = judge([search(status=status, reason="why")], serving=SERVING)
    assert account.failed == 1
    assert "why" in account.problems[0]


def test_an_error_is_injected_only_if_it_says_so_while_a_story_injects() -> None:
    faulty = [Window(10, 20)]
    said = search(at=15, status=500, fault="injected", release="")
    assert judge([said], serving=SERVING, faulty=faulty).injected == 1
    for other in (search(at=15, status=500), search(at=30, status=500, fault="injected")):
        account = judge([other], serving=SERVING, faulty=faulty)
        assert (account.injected, account.failed) == (0, 1)


def test_a_failure_while_the_story_has_something_down_is_unavailable() -> None:
    down = [Window(10, 20, EVERYTHING)]
    for at in (9.95, 10.0, 19.9, 20.0):
        assert judge([search(at=at, status=503)], serving=SERVING, down=down).unavailable == 1
    for at in (9.0, 20.1):
        assert judge([search(at=at, status=503)], serving=SERVING, down=down).failed == 1


def test_an_alias_read_must_be_answered_while_only_searches_are_down() -> None:
    events = [search(at=15, status=503), Event(kind="alias", at=15, until=15.1, status=502)]
    account = judge(events, serving=SERVING, down=[Window(10, 20, SEARCHES)])
    assert (account.unavailable, account.failed) == (1, 1)


def test_a_wrong_view_is_mixed_even_while_something_is_down() -> None:
    account = judge([search(at=15, view="view-9")], serving=SERVING, down=[Window(10, 20)])
    assert (account.mixed, account.unavailable) == (1, 0)


def test_the_last_acknowledged_write_of_a_document_is_what_must_be_there() -> None:
    events = [_write("upsert", "a", 1), _write("upsert", "a", 2), _write("upsert", "b", 3), _write("delete", "b", 4)]
    assert latest([search(), *events]) == {"a": note(2), "b": None}


def test_a_document_whose_last_write_was_not_acknowledged_may_be_either() -> None:
    assert latest([_write("upsert", "a", 1), _write("delete", "a", 2, status=0)]) == {}


def test_answers_of_a_faulty_canary_are_those_of_its_release_and_the_errors_it_makes_up() -> None:
    events = [search(at=1), search(at=2, release="r-b"), search(at=3, status=500, fault="injected", release="")]
    assert answers(events, "r-b", since=0) == [2.1, 3.1]
    assert answers(events, "r-b", since=2.5) == [3.1]


def test_lost_old_and_resurrected_documents_are_found_in_documents_and_in_views() -> None:
    reader = _Reader(
        {
            "documents": {"kept": {"text": "new"}, "gone": {"deleted": True}, "lost": {"text": "new"}},
            "view": {"kept": _live("old"), "gone": _live("x"), "lost": {"turnout": {"state": "placeholder"}}},
        }
    )
    wanted = {"kept": "new", "gone": None, "lost": "new"}
    losses = settle(reader, documents="documents", views=["view"], wanted=wanted)  # type: ignore[arg-type]
    assert losses.missing == ("view: kept", "view: lost")
    assert losses.resurrected == ("view: gone",)


def test_a_delete_that_came_back_in_documents_is_resurrected() -> None:
    reader = _Reader({"documents": {"gone": {"text": "x"}}})
    losses = settle(reader, documents="documents", views=[], wanted={"gone": None})  # type: ignore[arg-type]
    assert losses.resurrected == ("documents: gone",)


def test_a_log_is_read_while_it_grows(tmp_path: Any) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    assert log.read() == []
    whole = b'{"kind":"alias","at":1.0,"until":1.5,"status":200}\n'
    path.write_bytes(whole + whole[:20])
    assert len(log.read()) == 1
    path.write_bytes(whole + whole)
    assert len(log.read()) == 2
    assert log.since(1.6) == []
    log.close()


def _write(kind: Any, key: str, number: int, status: int = 200) -> Event:
    return Event(kind=kind, at=number, until=number, status=status, key=key, number=number)


def _live(body: str) -> dict[str, Any]:
    return {"turnout": {"state": "live"}, "body": body}


class _Reader:
    def __init__(self, held: dict[str, dict[str, dict[str, Any]]]) -> None:
        self._held = held

    def get_many(self, place: str, ids: list[str], *, fields: list[str]) -> dict[str, Hit]:
        found = {key: Hit(id=key, source=source) for key, source in self._held[place].items()}
        return {f"default:{key}": hit for key, hit in found.items() if f"default:{key}" in ids}
