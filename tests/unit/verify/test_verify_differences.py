"""The merge finds exactly what differs between documents and a view."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.verify import tally
from turnout.verify.differences import Entry, Source, difference, lasting_difference, merge
from turnout.verify.tally import Tally

ids = st.text(st.sampled_from("ab:é😀"), min_size=1, max_size=3)
documents = st.dictionaries(ids, st.tuples(st.integers(1, 3), st.booleans()), max_size=25)
views = st.dictionaries(
    ids, st.tuples(st.integers(1, 3), st.sampled_from(["live", "deleted", "placeholder"])), max_size=25
)


def sources(held: dict[str, tuple[int, bool]]) -> list[Source]:
    return [Source(name, *held[name]) for name in sorted(held)]


def entries(held: dict[str, tuple[int, str]]) -> list[Entry]:
    return [Entry(name, *held[name]) for name in sorted(held)]


@given(documents, views)
def test_every_id_of_either_side_comes_once_with_its_partner(left: dict, right: dict) -> None:
    pairs = list(merge(sources(left), entries(right)))
    assert [(s or e).id for s, e in pairs] == sorted(left.keys() | right.keys())
    for source, entry in pairs:
        name = (source or entry).id
        assert source == (Source(name, *left[name]) if name in left else None)
        assert entry == (Entry(name, *right[name]) if name in right else None)


@given(documents, views)
def test_the_merge_finds_exactly_the_differences_of_two_dictionaries(left: dict, right: dict) -> None:
    found = Tally()
    for source, entry in merge(sources(left), entries(right)):
        found.add(source, entry)
    lacking = {name for name in left.keys() - right.keys() if not left[name][1]}
    surplus = {name for name in right.keys() - left.keys() if right[name][1] != "deleted"}
    differing = {
        name
        for name in left.keys() & right.keys()
        if left[name][0] != right[name][0] or right[name][1] == ("live" if left[name][1] else "deleted")
    }
    expected = lacking | surplus | differing
    assert set(found.suspects) == expected
    assert (found.documents, found.view) == (len(left), len(right))


@pytest.mark.parametrize("side", [0, 1])
def test_a_stream_out_of_order_is_an_error(side: int) -> None:
    streams = [[Source("b", 1, False), Source("a", 1, False)], [Entry("b", 1, "live"), Entry("a", 1, "live")]]
    with pytest.raises(ValueError, match="comes after"):
        list(merge(streams[0] if side == 0 else [], streams[1] if side == 1 else []))


def test_a_second_entry_of_one_id_is_a_difference() -> None:
    pairs = list(merge([Source("a", 1, False)], [Entry("a", 1, "live"), Entry("a", 1, "live")]))
    assert [difference(*pair) for pair in pairs] == [None, "unknown"]


@pytest.mark.parametrize(
    ("source", "entry", "kind"),
    [
        (Source("a", 5, False), Entry("a", 5, "live"), None),
        (Source("a", 5, True), Entry("a", 5, "deleted"), None),
        (Source("a", 5, False), Entry("a", 5, "placeholder"), None),
        (Source("a", 5, True), Entry("a", 5, "placeholder"), None),
        (Source("a", 5, True), None, None),
        (None, Entry("a", 5, "deleted"), None),
        (Source("a", 5, False), None, "missing"),
        (Source("a", 5, False), Entry("a", 5, "deleted"), "missing"),
        (Source("a", 5, False), Entry("a", 5, ""), "missing"),
        (Source("a", 5, False), Entry("a", 4, "live"), "stale"),
        (Source("a", 5, True), Entry("a", 4, "deleted"), "stale"),
        (Source("a", 5, False), Entry("a", 6, "live"), "ahead"),
        (None, Entry("a", 5, "live"), "unknown"),
        (None, Entry("a", 5, "placeholder"), "unknown"),
        (Source("a", 5, True), Entry("a", 5, "live"), "resurrected"),
        (Source("a", 5, True), Entry("a", 4, "live"), "resurrected"),
    ],
)
def test_each_disagreement_has_its_kind(source: Source | None, entry: Entry | None, kind: str | None) -> None:
    assert difference(source, entry) == kind


@pytest.mark.parametrize(
    ("before", "entry", "after", "kind"),
    [
        # Written to between the two looks: what the view took on its way is agreement.
        (Source("a", 3, False), Entry("a", 3, "live"), Source("a", 9, True), None),
        (Source("a", 3, False), Entry("a", 5, "deleted"), Source("a", 9, False), None),
        (Source("a", 3, False), Entry("a", 9, "live"), Source("a", 9, False), None),
        # Not caught up with what was there before the catch-up.
        (Source("a", 3, False), Entry("a", 2, "live"), Source("a", 9, False), "stale"),
        (Source("a", 3, False), None, Source("a", 9, False), "missing"),
        # The version of a delete, but searchable.
        (Source("a", 3, True), Entry("a", 3, "live"), Source("a", 9, False), "resurrected"),
        (Source("a", 3, False), Entry("a", 10, "live"), Source("a", 9, False), "ahead"),
        (None, Entry("a", 9, "live"), Source("a", 9, False), None),
        (None, Entry("a", 9, "live"), None, "unknown"),
    ],
)
def test_a_document_that_is_written_to_all_the_while_is_judged_fairly(
    before: Source | None, entry: Entry | None, after: Source | None, kind: str | None
) -> None:
    assert lasting_difference(before, entry, after) == kind


def test_what_differs_is_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MAX_SUSPECTS", 3)
    found = Tally()
    for number in range(4):
        assert not found.full
        found.add(Source(str(number), 1, False), None)
    assert found.full
    assert len(found.suspects) == 3


def test_placeholders_and_lonely_tombstones_are_counted_and_are_no_difference() -> None:
    found = Tally()
    found.add(Source("a", 1, False), Entry("a", 1, "placeholder"))
    found.add(Source("b", 1, True), None)
    found.add(None, Entry("c", 1, "deleted"))
    evidence = found.evidence()
    assert found.suspects == []
    assert (evidence["placeholders"], evidence["placeholder_examples"]) == (1, ["a"])
    assert (evidence["tombstones_only_in_documents"], evidence["tombstones_only_in_view"]) == (1, 1)
