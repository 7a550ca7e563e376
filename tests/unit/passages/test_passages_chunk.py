"""Clean and chunk: no text is lost, sizes and overlaps are kept, words stay whole where they can."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.passages import TooManyPassages, chunk, clean
from turnout.release.artifacts import Chunk, Clean

PIECE = re.compile(r"\w{1,3}|[^\w\s]")
# Lengths of words in tokens; each token is a number of its own, so that a passage tells which tokens it holds.
WORD_LENGTHS = st.lists(st.integers(1, 30), max_size=60)
SHAPES = st.integers(2, 40).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1)))


def spans_of(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in PIECE.finditer(text)]


def numbered_text(word_lengths: list[int]) -> str:
    """Words of the given lengths in tokens; the tokens are 100, 101, 102 ..."""
    words, token = [], 100
    for length in word_lengths:
        words.append("".join(str(number) for number in range(token, token + length)))
        token += length
    return " ".join(words)


def tokens_of(passage: str) -> list[int]:
    return [int(passage[start:end]) for start, end in spans_of(passage)]


def make_chunk(size: int, overlap: int, max_passages: int = 10_000, on_overflow: str = "refuse") -> Chunk:
    return Chunk(size=size, overlap=overlap, max_passages=max_passages, on_overflow=on_overflow)


@given(WORD_LENGTHS.filter(lambda lengths: sum(lengths) < 900), SHAPES)
@settings(max_examples=300, deadline=None)
def test_every_token_is_in_some_passage_and_no_passage_is_too_long(lengths: list[int], shape: tuple[int, int]) -> None:
    text = numbered_text(lengths)
    passages = [tokens_of(passage) for passage in chunk(text, make_chunk(*shape), spans_of(text))]
    assert all(1 <= len(passage) <= shape[0] for passage in passages)
    assert {token for passage in passages for token in passage} == set(range(100, 100 + sum(lengths)))


@given(WORD_LENGTHS.filter(lambda lengths: sum(lengths) < 900), SHAPES)
@settings(max_examples=300, deadline=None)
def test_neighbours_share_the_overlap_or_a_little_more(lengths: list[int], shape: tuple[int, int]) -> None:
    size, overlap = shape
    text = numbered_text(lengths)
    passages = [tokens_of(passage) for passage in chunk(text, make_chunk(size, overlap), spans_of(text))]
    for one, two in itertools.pairwise(passages):
        assert overlap <= len(set(one) & set(two)) <= overlap + size // 8
        assert one[0] < two[0]
        assert one[-1] < two[-1]


def test_a_passage_ends_between_words_when_a_boundary_is_near() -> None:
    text = "alpha beta " * 20
    passages = chunk(text, make_chunk(9, 2), spans_of(text))
    assert all(set(passage.split()) == {"alpha", "beta"} for passage in passages)


def test_a_word_longer_than_a_passage_is_cut() -> None:
    text = "a" * 90
    passages = chunk(text, make_chunk(10, 0), spans_of(text))
    assert "".join(passages) == text


def test_a_short_rest_is_shared_with_the_passage_before_it() -> None:
    text = " ".join(f"w{n:02}" for n in range(22))
    passages = chunk(text, make_chunk(20, 4), spans_of(text))
    assert [len(passage.split()) for passage in passages] == [13, 13]


def test_no_tokens_means_no_passages() -> None:
    assert chunk("", make_chunk(8, 2), []) == []
    assert chunk(" \n ", make_chunk(8, 2), []) == []


def test_too_many_passages_are_refused_or_cut_off_as_told() -> None:
    text = "word " * 100
    with pytest.raises(TooManyPassages, match="more than 3 passages"):
        chunk(text, make_chunk(10, 0, 3), spans_of(text))
    assert len(chunk(text, make_chunk(10, 0, 3, "truncate"), spans_of(text))) == 3
    assert len(chunk("word " * 3, make_chunk(10, 0, 1), spans_of("word " * 3))) == 1


def test_tokens_that_share_a_character_are_handled() -> None:
    text = "a🙂b"
    assert chunk(text, make_chunk(2, 0), [(0, 1), (1, 2), (1, 2), (2, 3)]) == ["a🙂", "🙂b"]


@given(st.text())
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    for form in ("NFC", "NFKC", "none"):
        once = clean(text, Clean(unicode=form))
        assert clean(once, Clean(unicode=form)) == once


def test_clean_does_what_is_asked_and_no_more() -> None:
    text = "  cafe\u0301\n\n\tﬁne  "
    assert clean(text, Clean()) == "café ﬁne"
    assert clean(text, Clean(unicode="NFKC")) == "café fine"
    assert clean(text, Clean(unicode="none", collapse_whitespace=False)) == text
