"""The figures that the simulated cells give, and the table that shows them. Read by bench_judge.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import judge_peers
from judge_cells import OURS, Outcome, median, share
from judge_scenarios import MINUTES, RATES, SCENARIOS, WINDOW_S, Scenario

from turnout.release.artifacts import CanaryGates

Cells = Mapping[tuple[str, float], Outcome]
LIMITS = {
    "worst.false_abort": 0.02,
    "worst.false_promotion": 0.05,
    "detection.slower_than_best_peer_cells": 0,
    "detection.errors_4x_50rps_minutes": 3,
    "detection.errors_20pct_looks": 2,
    "cpu.judgment_ms": 200,
}
MOST_FALSE_ABORTS = 0.05
"""A peer that stops more healthy canaries than this, in any healthy cell at a rate, isn't compared with there."""
_HEALTHY = tuple(scenario for scenario in SCENARIOS if not scenario.harm)
_HARM = tuple(scenario for scenario in SCENARIOS if scenario.harm)


def figures(cells: Cells, *, cpu_ms: float) -> dict[str, float]:
    """What is asked of the judge, by the names in `LIMITS`."""
    return {
        **{name: cell["upper"] for name, cell in worst(cells).items()},
        "detection.slower_than_best_peer_cells": len(slower(cells)),
        "detection.errors_4x_50rps_minutes": median(cells["errors x4", 50.0].stopped[OURS]),
        "detection.errors_20pct_looks": max(
            median(cells["errors 20 %", rps].stopped[OURS]) * 60 / WINDOW_S for rps in RATES
        ),
        "cpu.judgment_ms": cpu_ms,
    }


def worst(cells: Cells) -> dict[str, dict[str, Any]]:
    """In which cells the worst figures are."""
    aborts = {(scenario.name, rps): _upper(cells, scenario, rps) for scenario in _HEALTHY for rps in RATES}
    promotions = {
        (scenario.name, rps): share(cells[scenario.name, rps].promoted)[2]
        for scenario in _HARM
        if scenario.beyond_margin(CanaryGates())
        for rps in RATES
    }
    named = {"worst.false_abort": aborts, "worst.false_promotion": promotions}
    return {
        name: dict(zip(("scenario", "rps"), max(bounds, key=lambda key: bounds[key]), strict=True))
        | {"upper": max(bounds.values())}
        for name, bounds in named.items()
    }


def missed(found: Mapping[str, float]) -> list[str]:
    """Names of the figures that aren't held."""
    return [name for name, limit in LIMITS.items() if not found[name] <= limit]


def fair_peers(cells: Cells, rps: float) -> list[str]:
    """Peers that may be compared with at this rate."""
    return [
        name
        for name in judge_peers.NAMES
        if all(share(cells[scenario.name, rps].stopped[name])[0] <= MOST_FALSE_ABORTS for scenario in _HEALTHY)
    ]


def slower(cells: Cells) -> list[dict[str, Any]]:
    """Harm cells in which a fair peer has the lesser median time to detection."""
    found = []
    for rps in RATES:
        peers = fair_peers(cells, rps)
        for scenario in _HARM:
            stopped = cells[scenario.name, rps].stopped
            best = min(peers, key=lambda name: median(stopped[name]), default=None)
            if best is not None and median(stopped[best]) < median(stopped[OURS]):
                times = {"minutes": median(stopped[OURS]), "peer_minutes": median(stopped[best])}
                found.append({"scenario": scenario.name, "rps": rps, "peer": best, **times})
    return found


def report(cells: Cells) -> list[dict[str, Any]]:
    """Every cell as values for JSON."""
    gates = CanaryGates()
    return [
        {
            "scenario": scenario.name,
            "rps": rps,
            "runs": len(cells[scenario.name, rps].promoted),
            "harm": scenario.harm,
            "beyond_margin": scenario.beyond_margin(gates),
            "stopped": {name: _values(ended) for name, ended in cells[scenario.name, rps].stopped.items()},
            "promoted": _values(cells[scenario.name, rps].promoted),
            "blamed": cells[scenario.name, rps].blamed,
        }
        for rps in RATES
        for scenario in SCENARIOS
    ]


def table(cells: Cells, rps: float) -> str:
    """One rate as text: a row for each policy; share stopped if healthy, median minutes until stopped if not."""
    fair = fair_peers(cells, rps)
    lines = [
        f"{rps:g} searches/s, 10 % to the canary: healthy canaries stopped, then median minutes until a bad one is",
        " " * 34 + "".join(f"{column:>14}" for column in _columns()),
    ]
    for name in (OURS, *judge_peers.NAMES):
        mark = " " if name == OURS or name in fair else "!"
        values = (_cell(scenario, cells[scenario.name, rps].stopped[name]) for scenario in SCENARIOS)
        lines.append(f"{mark} {name:<32}" + "".join(f"{value:>14}" for value in values))
    promoted = [cells[scenario.name, rps].promoted for scenario in SCENARIOS]
    lines.append(f"  {'turnout: promoted':<32}" + "".join(f"{share(ended)[0]:>14.1%}" for ended in promoted))
    lines.append(f"  {'turnout: minutes until then':<32}" + "".join(f"{median(ended):>14.1f}" for ended in promoted))
    blames = [cells[scenario.name, rps].blamed for scenario in SCENARIOS]
    lines.append(f"  {'turnout: stops by e/l/d/empty':<32}" + "".join(f"{_blame(blame):>14}" for blame in blames))
    return "\n".join([*lines, f"! stops more than {MOST_FALSE_ABORTS:.0%} of the canaries in a healthy cell"])


def _columns() -> list[str]:
    short = {"healthy, ": "", "weight changes": "weight", "errors": "err", "latency": "lat", "slow tail": "tail"}
    names = [scenario.name for scenario in SCENARIOS]
    for long, brief in short.items():
        names = [name.replace(long, brief) for name in names]
    return names


def _cell(scenario: Scenario, ended: Any) -> str:
    if not scenario.harm:
        return f"{share(ended)[0]:.1%}"
    return f"{median(ended):.1f}" if median(ended) < MINUTES else "never"


def _blame(blamed: Mapping[str, int]) -> str:
    return "/".join(str(count) for count in blamed.values())


def _upper(cells: Cells, scenario: Scenario, rps: float) -> float:
    return share(cells[scenario.name, rps].stopped[OURS])[2]


def _values(ended: Any) -> dict[str, Any]:
    part, lower, upper = share(ended)
    return {"share": part, "interval": [lower, upper], "median_minutes": median(ended)}
