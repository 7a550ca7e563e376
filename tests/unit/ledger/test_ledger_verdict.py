"""What has become of a document of a snapshot, case by case."""

from __future__ import annotations

import pytest

from turnout.ledger import Change, Known, verdict

KNOWN = Known(seq_no=10, updated_at="2026-01-01T00:00:10+00:00", content_hash="x")


def gone(at: int) -> Change:
    """A delete; number and second are the same."""
    return change(at, deleted=True)


def back(at: int, content: str = "x") -> Change:
    """Written again."""
    return change(at, content, deleted=False)


def change(at: int, content: str = "", *, deleted: bool) -> Change:
    """A line."""
    time = f"2026-01-01T00:00:{at:02}+00:00"
    return Change(id="a", deleted=deleted, updated_at=time, content_hash=content, shard=0, seq_no=at)


@pytest.mark.parametrize(
    ("own", "later", "word"),
    [
        ([], [], "keep"),
        ([gone(9)], [], "keep"),
        ([gone(11)], [], "delete"),
        ([gone(11), back(12)], [], "keep"),
        ([gone(11), back(12, "y")], [], "superseded"),
        ([gone(11), back(12, "y"), back(13)], [], "keep"),
        ([gone(11), back(12), gone(13)], [], "delete"),
        ([], [gone(9)], "keep"),
        ([], [gone(11)], "delete"),
        ([gone(20)], [back(21)], "keep"),
        ([gone(20)], [back(21, "y")], "superseded"),
        ([gone(20)], [back(21), gone(22)], "delete"),
        ([gone(20), back(21)], [gone(22)], "delete"),
        ([gone(20)], [back(10)], "delete"),  # came back by a restore without a ledger: nobody wrote it again
        ([gone(20)], [gone(9)], "delete"),
    ],
)
def test_a_document_stays_only_if_it_was_not_deleted_or_was_written_again_as_it_was(
    own: list[Change], later: list[Change], word: str
) -> None:
    found, delete = verdict(KNOWN, own, later)
    assert found == word
    assert (delete is None) == (word == "keep")


def test_a_delete_whose_time_cannot_be_read_counts() -> None:
    line = Change(id="a", deleted=True, updated_at="?", content_hash="", shard=0, seq_no=1)
    assert verdict(KNOWN, [], [line])[0] == "delete"
