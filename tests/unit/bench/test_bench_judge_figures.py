"""The figures of the canary bench follow from its cells."""

from collections.abc import Mapping

import judge_figures
import judge_peers
import numpy as np
import pytest
from judge_cells import OURS, Outcome
from judge_scenarios import RATES, SCENARIOS

NEVER = np.inf
PEER = "Kayenta: 3 runs"


def cell(ours: list[float], *, promoted: list[float] | None = None, peers: Mapping[str, list[float]] | None = None):
    stopped = {OURS: ours, **{name: [NEVER] * len(ours) for name in judge_peers.NAMES}, **(peers or {})}
    return Outcome(
        stopped={name: np.array(ended) for name, ended in stopped.items()},
        promoted=np.array([NEVER] * len(ours) if promoted is None else promoted),
        blamed={"errors": 0},
    )


def perfect() -> dict[tuple[str, float], Outcome]:
    """Every bad canary stopped at the first look, no good one."""
    return {(each.name, rps): cell([0.5 if each.harm else NEVER] * 1000) for each in SCENARIOS for rps in RATES}


def test_a_perfect_judge_misses_no_figure() -> None:
    found = judge_figures.figures(perfect(), cpu_ms=100.0)
    assert set(found) == set(judge_figures.LIMITS)
    assert judge_figures.missed(found) == []


@pytest.mark.parametrize(
    ("figure", "name", "rps", "outcome"),
    [
        ("worst.false_abort", "healthy, bursts", 5.0, cell([1.0] * 15 + [NEVER] * 985)),
        ("worst.false_promotion", "errors x2", 50.0, cell([NEVER] * 1000, promoted=[9.0] * 45 + [NEVER] * 955)),
        ("detection.errors_4x_50rps_minutes", "errors x4", 50.0, cell([3.5] * 1000)),
        ("detection.errors_20pct_looks", "errors 20 %", 5.0, cell([1.5] * 1000)),
        ("detection.slower_than_best_peer_cells", "latency +10 %", 5.0, cell([9.0] * 1000, peers={PEER: [8.0] * 1000})),
    ],
)
def test_one_bad_cell_is_enough_to_miss_a_figure(figure: str, name: str, rps: float, outcome: Outcome) -> None:
    cells = perfect() | {(name, rps): outcome}
    assert judge_figures.missed(judge_figures.figures(cells, cpu_ms=100.0)) == [figure]


def test_a_judgment_that_takes_too_long_is_missed_and_so_is_one_that_was_not_measured() -> None:
    for cpu_ms in (201.0, float("nan")):
        assert judge_figures.missed(judge_figures.figures(perfect(), cpu_ms=cpu_ms)) == ["cpu.judgment_ms"]


def test_the_worst_cell_is_named() -> None:
    cells = perfect() | {("healthy, diurnal", 50.0): cell([1.0] * 3 + [NEVER] * 997)}
    found = judge_figures.worst(cells)["worst.false_abort"]
    assert (found["scenario"], found["rps"]) == ("healthy, diurnal", 50.0)


def test_a_promotion_within_the_margin_is_not_false() -> None:
    cells = perfect() | {("errors x1.5", 50.0): cell([NEVER] * 1000, promoted=[9.0] * 1000)}
    found = judge_figures.figures(cells, cpu_ms=100.0)
    assert found["worst.false_promotion"] < 0.01


def test_a_tie_with_a_peer_passes() -> None:
    cells = perfect() | {("errors x2", 50.0): cell([8.0] * 1000, peers={PEER: [8.0] * 1000})}
    assert judge_figures.slower(cells) == []


def test_a_peer_that_stops_too_many_good_canaries_at_a_rate_is_not_compared_with_there() -> None:
    cells = perfect() | {
        ("errors x2", 50.0): cell([8.0] * 1000, peers={PEER: [1.0] * 1000}),
        ("healthy, incident", 50.0): cell([NEVER] * 1000, peers={PEER: [1.0] * 51 + [NEVER] * 949}),
    }
    assert judge_figures.slower(cells) == []
    assert PEER not in judge_figures.fair_peers(cells, 50.0)
    assert PEER in judge_figures.fair_peers(cells, 5.0)


def test_the_table_has_a_row_for_every_policy() -> None:
    shown = judge_figures.table(perfect(), 50.0)
    assert all(name in shown for name in (OURS, *judge_peers.NAMES))
    assert judge_figures.report(perfect())[0]["scenario"] == SCENARIOS[0].name
