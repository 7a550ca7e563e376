"""The alerts about users and judged quality, run by promtool over made-up hours: when each fires and when not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.alerts import plain
from support.prometheus import BUILD, binaries
from support.releases import make_release
from turnout.retrieval.metrics import Metrics
from turnout.retrieval.search import Searcher

HOUR = 12  # samples
DAY = 24 * HOUR
EVEN = (10.0,) * 10  # queries by bin in 5 minutes
SHIFTED = (40.0, 20.0, 10.0, 5.0, 5.0, 5.0, 5.0, 5.0, 3.0, 2.0)

Series = list[dict[str, str]]
Holds = Callable[..., None]


@pytest.fixture(scope="module")
def promtool() -> str:
    return str(binaries(BUILD).promtool)


@pytest.fixture(scope="module")
def rule_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The plain rule files, as the README says that one gets them."""
    written = plain(tmp_path_factory.mktemp("rules"))
    return [path for path in written if path.name in ("releases.yaml", "users.yaml")]


def told(promtool: str, rule_files: list[Path], given: Series, expected: list[dict[str, Any]]) -> None:
    """Run promtool: after so many minutes an expression has those samples."""
    test = {"interval": "5m", "input_series": given, "promql_expr_test": expected}
    path = rule_files[0].with_name("test.json")
    path.write_text(json.dumps({"rule_files": [*map(str, rule_files)], "evaluation_interval": "5m", "tests": [test]}))
    done = subprocess.run([promtool, "test", "rules", str(path)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.fixture
def holds(promtool: str, rule_files: list[Path]) -> Holds:
    """That over `given` nothing but these alerts fires: their names, each with the minutes at which it does."""

    def check(given: Series, firing: dict[str, Sequence[int]], *, silent: Sequence[int]) -> None:
        minutes = sorted({*silent, *(minute for each in firing.values() for minute in each)})
        expected = []
        for minute in minutes:
            names = [name for name, each in firing.items() if minute in each]
            samples = [{"labels": f'{{alertname="{name}", collection="docs"}}', "value": 1} for name in names]
            query = 'count by (alertname, collection) (ALERTS{alertstate="firing"})'
            expected.append({"expr": query, "eval_time": f"{minute}m", "exp_samples": samples})
        told(promtool, rule_files, given, expected)

    return check


def series(name: str, values: str, **labels: str) -> dict[str, str]:
    inside = ", ".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return {"series": f"{name}{{{inside}}}", "values": values}


def serving(release: str = "r-1", model: str = "e-1") -> dict[str, str]:
    return series("turnout_release_info", "1x800", release=release, collection="docs", embedding_fingerprint=model)


def counter(*phases: tuple[float, int]) -> str:
    """A counter that begins at 0, by phases of (growth in 5 minutes, samples)."""
    total, parts = 0.0, ["0"]
    for each, samples in phases:
        parts.append(f"{total + each:g}+{each:g}x{samples - 1}")
        total += each * samples
    return " ".join(parts)


def queries(*phases: tuple[Sequence[float], int], release: str = "r-1", before: str = "") -> Series:
    """What a pod counted: one projection shifts as told, the other one never does."""
    found = []
    for place in range(10):
        own = counter(*((each[place], samples) for each, samples in phases))
        other = counter(*((sum(each) / 10, samples) for each, samples in phases))
        for projection, values in (("0", own), ("1", other)):
            labels = {"release": release, "projection": projection, "bin": str(place)}
            found.append(series("query_projection_total", before + values, **labels))
    return found


def scaled(shape: Sequence[float], factor: float) -> list[float]:
    return [each * factor for each in shape]


# drift


def test_a_large_shift_of_queries_fires_after_half_an_hour_and_resolves_when_it_is_over(holds):
    given = [serving(), *queries((EVEN, DAY + 6 * HOUR), (SHIFTED, 2 * HOUR), (EVEN, 2 * HOUR))]
    holds(given, {"QueryDrift": [1890, 1915]}, silent=[1795, 1810, 2025])


def test_the_index_is_the_sum_that_textbooks_give(promtool, rule_files):
    now, before = np.array(SHIFTED) * HOUR, np.array(EVEN) * 30 * HOUR
    before *= (30 * HOUR - 66 / 12) / (30 * HOUR)  # the first hour of a history counts a little less than half
    p, q = (now + 1) / (now.sum() + 10), (before + 1) / (before.sum() + 10)
    psi = float(((p - q) * np.log(p / q)).sum())
    labels = '{collection="docs", embedding_fingerprint="e-1", projection="0"}'
    expression = f'abs(turnout:query_psi:1h{{projection="0"}} - {psi:.6f}) < bool 0.002'
    given = [serving(), *queries((EVEN, DAY + 6 * HOUR), (SHIFTED, HOUR))]
    told(
        promtool,
        rule_files,
        given,
        [{"expr": expression, "eval_time": "1860m", "exp_samples": [{"labels": labels, "value": 1}]}],
    )


@pytest.mark.parametrize(
    "phases",
    [
        [(EVEN, DAY + 6 * HOUR), ((12, 12, 11, 10, 10, 10, 10, 9, 8, 8), 3 * HOUR)],
        [(EVEN, DAY + 6 * HOUR), (scaled(SHIFTED, 0.16), 3 * HOUR)],
        [(scaled(EVEN, 0), DAY), (scaled(EVEN, 0.25), 2 * HOUR), (scaled(SHIFTED, 0.25), 2 * HOUR)],
        [(EVEN, DAY + 6 * HOUR), ((0,) * 10, 3 * HOUR)],
        [(EVEN, DAY + 3 * HOUR), (scaled(EVEN, 10), 3 * HOUR), (scaled(EVEN, 0.3), 3 * HOUR)],
    ],
    ids=[
        "a small change",
        "too few queries",
        "too little history",
        "nobody asks",
        "more and fewer queries of one kind",
    ],
)
def test_drift_is_not_told_for(holds, phases):
    holds([serving(), *queries(*phases)], {}, silent=range(1445, 1980, 25))


def test_the_first_day_of_a_model_is_no_drift_for_its_night_was_never_seen(holds):
    holds([serving(), *queries((EVEN, 20 * HOUR), (SHIFTED, 2 * HOUR))], {}, silent=[1290, 1315])


def test_no_data_or_a_release_that_nobody_knows_is_no_drift(holds):
    holds([], {}, silent=[60, 480])
    holds(queries((EVEN, DAY + 6 * HOUR), (SHIFTED, 2 * HOUR)), {}, silent=[1890, 1915])


def test_a_restart_is_no_drift(holds):
    whole = queries((EVEN, DAY + 6 * HOUR))
    again = counter((10.0, 3 * HOUR))
    given = [{**each, "values": f"{each['values']} {again}"} for each in whole]
    holds([serving(), *given], {}, silent=range(1740, 1980, 5))


def test_a_new_release_with_the_same_model_keeps_the_history_and_one_with_another_model_begins_its_own(holds):
    """`r-2` takes over when `r-1` ends, and its users' queries lie elsewhere."""
    old = [serving(), *queries((EVEN, DAY + 6 * HOUR))]
    late = queries((SHIFTED, 3 * HOUR), release="r-2", before=f"_x{DAY + 6 * HOUR} ")
    holds([*old, serving("r-2"), *late], {"QueryDrift": [1920]}, silent=[1795])
    holds([*old, serving("r-2", "e-2"), *late], {}, silent=[1890, 1920, 1975])


def test_the_rules_read_what_the_service_counts():
    """Names, labels and the number of bins, which the smoothing has in it."""
    release = make_release()
    metrics = Metrics(release, pod_template_hash="abc")
    Searcher(release, None, metrics)  # type: ignore[arg-type]
    metrics.request("POST", "/search", 200, 0.1)
    found = {sample.name: sample.labels.keys() for family in metrics.registry.collect() for sample in family.samples}
    assert {"release", "projection", "bin"} <= found["query_projection_total"]
    assert {"release", "path", "status"} <= found["http_requests_total"]
    assert {"release", "collection", "embedding_fingerprint"} <= found["turnout_release_info"]
    assert "release" in found["search_empty_total"]
    bins = {s.labels["bin"] for f in metrics.registry.collect() if f.name == "query_projection" for s in f.samples}
    assert bins == {str(place) for place in range(10)}


# searches without a hit


def searches(*phases: tuple[float, float, int], status: str = "200") -> Series:
    """Phases of (searches, of these without a hit, samples)."""
    answered = counter(*((each, samples) for each, _, samples in phases))
    empty = counter(*((each, samples) for _, each, samples in phases))
    labels = {"release": "r-1", "path": "/search", "status": status, "method": "POST"}
    return [
        serving(),
        series("http_requests_total", answered, **labels),
        series("search_empty_total", empty, release="r-1"),
    ]


def test_many_more_searches_without_a_hit_fire_and_resolve_when_they_are_found_again(holds):
    given = searches((100, 2, 6 * HOUR), (100, 15, 2 * HOUR), (100, 2, 2 * HOUR))
    holds(given, {"UnansweredQueries": [450, 475]}, silent=[355, 370, 590])


def test_where_most_searches_find_nothing_anyway_twenty_points_more_fire(holds):
    holds(searches((100, 60, 6 * HOUR), (100, 95, 2 * HOUR)), {"UnansweredQueries": [475]}, silent=[355])


@pytest.mark.parametrize(
    "phases",
    [
        [(100, 4, 6 * HOUR), (100, 7, 3 * HOUR)],
        [(100, 1, 6 * HOUR), (100, 4, 3 * HOUR)],
        [(100, 2, 6 * HOUR), (5, 1, 3 * HOUR)],
        [(100, 2, HOUR // 2), (100, 50, HOUR // 2)],
        [(10, 0.35, 12 * HOUR), (10, 0.8, 2 * HOUR)],
        [(100, 60, 6 * HOUR), (100, 70, 3 * HOUR)],
        [(100, 0, 9 * HOUR)],
    ],
    ids=["less than twice", "below 5 %", "too few", "too little history", "chance", "ten points more", "all found"],
)
def test_searches_without_a_hit_are_not_told_for(holds, phases):
    holds(searches(*phases), {}, silent=range(5, 840, 25))


def test_failures_are_no_searches_without_a_hit(holds):
    holds(searches((100, 2, 6 * HOUR), (100, 50, 2 * HOUR), status="503"), {}, silent=[450, 475])


# judged quality


def loss(*phases: tuple[float, int], **labels: str) -> dict[str, str]:
    values = " ".join(f"{each:g}x{samples - 1}" for each, samples in phases)
    told_of = {"collection": "docs", "release": "r-1", "metric": "ndcg@10", **labels}
    return series("turnout_judged_quality_loss", values, **told_of)


def test_a_fall_of_judged_quality_fires_once_whoever_tells_it_and_resolves_when_it_is_judged_well_again(holds):
    phases = [(0.0, 2 * HOUR), (0.03, 2 * HOUR), (0.001, HOUR)]
    given = [loss(*phases, instance=instance) for instance in ("a", "b")]
    holds(given, {"JudgedQualityFell": [180, 235]}, silent=[115, 125, 250])


@pytest.mark.parametrize(
    "given", [[loss((0.019, 3 * HOUR))], [loss((-0.2, 3 * HOUR))], []], ids=["small", "a gain", "none"]
)
def test_judged_quality_is_not_told_to_fall_for(holds, given):
    holds(given, {}, silent=[60, 120, 175])


def test_a_loss_that_is_not_told_any_more_is_no_alert(holds):
    gone = loss((0.03, HOUR))
    gone["values"] += f" _x{HOUR}"
    holds([gone], {"JudgedQualityFell": [50]}, silent=[100])
