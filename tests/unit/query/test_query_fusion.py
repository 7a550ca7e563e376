"""Rank fusion: what the service and evaluation agree on."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.query import fuse

RANKINGS = st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True), max_size=4)


def test_a_document_that_both_rankings_have_beats_one_that_leads_a_single_ranking():
    assert [document for document, _ in fuse([["a", "b"], ["c", "b"]], constant=60)] == ["b", "a", "c"]


def test_scores_are_sums_of_reciprocal_ranks_from_one():
    assert dict(fuse([["a", "b"], ["b"]], constant=60)) == pytest.approx({"a": 1 / 61, "b": 1 / 62 + 1 / 61})


def test_equal_scores_are_ordered_by_id():
    assert [document for document, _ in fuse([["b"], ["a"], ["c"]], constant=1)] == ["a", "b", "c"]


def test_a_repeated_id_counts_once_at_its_best_rank():
    assert fuse([["a", "a", "b"]], constant=1) == fuse([["a", "b"]], constant=1)


def test_nothing_fuses_to_nothing():
    assert fuse([[], []], constant=60) == []


@given(RANKINGS, st.randoms(use_true_random=False), st.integers(1, 100))
def test_the_order_of_the_rankings_changes_nothing_at_all(rankings, random, constant):
    shuffled = list(rankings)
    random.shuffle(shuffled)
    assert fuse(shuffled, constant=constant) == fuse(rankings, constant=constant)


@given(RANKINGS, st.integers(1, 100))
def test_every_document_appears_once_and_scores_never_rise(rankings, constant):
    fused = fuse(rankings, constant=constant)
    assert sorted(document for document, _ in fused) == sorted({d for ranking in rankings for d in ranking})
    assert all(left[1] >= right[1] for left, right in itertools.pairwise(fused))


@given(st.lists(st.sampled_from("abcdefgh"), unique=True))
def test_fusing_one_ranking_keeps_its_order(ranking):
    assert [document for document, _ in fuse([ranking], constant=60)] == ranking
