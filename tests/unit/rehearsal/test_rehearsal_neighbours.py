"""How many neighbours stay from one embedding space to another."""

from __future__ import annotations

import numpy as np

from turnout.rehearsal.neighbours import neighbours_kept

RNG = np.random.default_rng(2)
VECTORS = RNG.standard_normal((120, 32)).astype(np.float32)


def test_turning_and_stretching_a_space_keeps_all_neighbours() -> None:
    turn, _ = np.linalg.qr(RNG.standard_normal((32, 32)))
    assert neighbours_kept(VECTORS, (3 * VECTORS @ turn).astype(np.float32)) > 0.99


def test_two_unrelated_spaces_keep_as_many_as_chance_gives() -> None:
    other = RNG.standard_normal((120, 16)).astype(np.float32)
    assert abs(neighbours_kept(VECTORS, other) - 10 / 119) < 0.05


def test_a_little_noise_keeps_most() -> None:
    noisy = (VECTORS + 0.1 * RNG.standard_normal(VECTORS.shape)).astype(np.float32)
    assert 0.7 < neighbours_kept(VECTORS, noisy) < 1


def test_equal_passages_and_zero_vectors_are_no_trouble() -> None:
    same = np.repeat(VECTORS[:1], 30, axis=0)
    same[3] = 0
    assert neighbours_kept(same, same) == 1.0
