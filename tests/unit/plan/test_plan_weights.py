"""The real weight of a canary step is what Argo Rollouts makes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.plan.weights import real_weights

# (pods, weight, canary and stable with surge, without): answers of Argo Rollouts 1.10.1. All of 0 to 45 pods and
# 0 to 100 %, with and without surge, were the same when this was written.
ANSWERS = [
    (0, 10, (0, 0), (0, 0)),
    (1, 10, (1, 1), (0, 1)),
    (1, 50, (1, 1), (1, 0)),
    (2, 10, (1, 2), (1, 1)),
    (2, 50, (1, 1), (1, 1)),
    (3, 10, (1, 3), (1, 2)),
    (3, 50, (2, 2), (2, 1)),
    (4, 5, (1, 4), (1, 3)),
    (4, 50, (2, 2), (2, 2)),
    (5, 50, (3, 3), (3, 2)),
    (7, 33, (2, 5), (2, 5)),
    (10, 1, (1, 10), (1, 9)),
    (10, 10, (1, 9), (1, 9)),
    (10, 25, (3, 8), (3, 7)),
    (10, 50, (5, 5), (5, 5)),
    (20, 5, (1, 19), (1, 19)),
    (40, 10, (4, 36), (4, 36)),
    (41, 50, (21, 21), (21, 20)),
    (3, 0, (0, 3), (0, 3)),
    (3, 100, (3, 0), (3, 0)),
    (3, 99, (3, 1), (2, 1)),
]


@pytest.mark.parametrize(("pods", "weight", "surging", "steady"), ANSWERS)
def test_it_chooses_the_pods_that_argo_rollouts_chooses(
    pods: int, weight: int, surging: tuple[int, int], steady: tuple[int, int]
) -> None:
    assert real_weights(pods, [weight]) == [surging]
    assert real_weights(pods, [weight], surge=False) == [steady]


@given(st.integers(2, 200), st.integers(1, 99), st.booleans())
def test_both_sides_keep_a_pod_and_the_total_is_the_number_asked_for_or_one_more(
    pods: int, weight: int, surge: bool
) -> None:
    [(canary, stable)] = real_weights(pods, [weight], surge=surge)
    assert canary >= 1
    assert stable >= 1
    assert canary + stable in ((pods, pods + 1) if surge else (pods,))


@pytest.mark.parametrize(("pods", "weight"), [(-1, 10), (3, 101), (3, -1)])
def test_what_is_no_weight_is_refused(pods: int, weight: int) -> None:
    with pytest.raises(ValueError, match="no canary"):
        real_weights(pods, [weight])
