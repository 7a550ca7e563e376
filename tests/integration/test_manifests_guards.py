"""The PromQL of the guards, asked of promtool: an outage that both sides have ends no canary, whenever one looks."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from support.go_modules import ROOT
from support.prometheus import BUILD, binaries

ANALYSES = ROOT / "manifests/analysis"
SCRAPE_S, LOOK_S, LAST_S = 15, 60, 780
BEGINS_S, ENDS_S = 300, 465
ARGUMENTS = {"canary": "new", "stable": "old", "window": "1m", "minimum": "10"}


def query(name: str) -> str:
    template = yaml.safe_load((ANALYSES / f"{name}.yaml").read_text())
    (metric,) = template["spec"]["metrics"]
    ceiling = {f"max-{name}": "0.05"}
    text: str = metric["provider"]["prometheus"]["query"]
    for argument, value in (ARGUMENTS | ceiling).items():
        text = text.replace(f"{{{{args.{argument}}}}}", value)
    return f"(\n{text}\n) > 0.05"


def counter(per_s: float, *, begins_s: int, ends_s: int) -> str:
    """What a counter that grows between two times holds at each scrape."""
    return " ".join(str(round(per_s * max(0, min(at, ends_s) - begins_s), 2)) for at in range(0, LAST_S + 1, SCRAPE_S))


def outage(side: str, *, per_s: float, starts_s: int, ends_s: int) -> list[dict[str, str]]:
    """A side that answers from `starts_s` on, and during the outage with nothing but errors and kept answers."""
    labels = f'path="/search",rollouts_pod_template_hash="{side}"'
    begins_s = max(BEGINS_S, starts_s)
    bad = counter(per_s, begins_s=begins_s, ends_s=ends_s)
    good = counter(per_s, begins_s=starts_s, ends_s=max(BEGINS_S, starts_s)).split()
    after = counter(per_s, begins_s=ends_s, ends_s=LAST_S).split()
    fine = " ".join(str(float(one) + float(other)) for one, other in zip(good, after, strict=True))
    return [
        {"series": f'http_requests_total{{status="503",{labels}}}', "values": bad},
        {"series": f'http_requests_total{{status="200",{labels}}}', "values": fine},
        {"series": f'search_degraded_total{{reason="vector_search_failed",{labels}}}', "values": bad},
    ]


def failed_looks(name: str, series: list[dict[str, str]], first_s: int, folder: Path) -> list[int]:
    """At which of the looks, a minute apart, the guard fails. promtool is asked to find it silent at each."""
    looks = range(first_s, LAST_S, LOOK_S)
    failed = []
    for at in looks:
        test = {"expr": query(name), "eval_time": f"{at}s"}
        group = {"interval": f"{SCRAPE_S}s", "input_series": series, "promql_expr_test": [test]}
        file = folder / "guard.yaml"
        file.write_text(yaml.safe_dump({"evaluation_interval": "5s", "tests": [group]}))
        done = subprocess.run(
            [str(binaries(BUILD).promtool), "test", "rules", str(file)], check=False, capture_output=True, text=True
        )
        assert done.returncode == 0 or "got:" in done.stdout + done.stderr, done.stderr
        failed += [at] if done.returncode else []
    return failed


@pytest.mark.parametrize("name", ["errors", "degraded"])
@pytest.mark.parametrize("phase_s", [0, 20, 40])
def test_an_outage_that_both_sides_have_is_held_against_the_canary_once_at_most(
    name: str, phase_s: int, tmp_path: Path
) -> None:
    # The canary answers its first search when the outage begins, and is well again 45 s after stable.
    series = outage("old", per_s=9, starts_s=0, ends_s=ENDS_S)
    series += outage("new", per_s=1, starts_s=BEGINS_S, ends_s=ENDS_S + 45)
    assert len(failed_looks(name, series, BEGINS_S + phase_s, tmp_path)) <= 1


@pytest.mark.parametrize("name", ["errors", "degraded"])
def test_a_canary_that_alone_is_bad_fails_at_each_look(name: str, tmp_path: Path) -> None:
    series = outage("old", per_s=9, starts_s=0, ends_s=BEGINS_S)  # never bad
    series += outage("new", per_s=1, starts_s=BEGINS_S, ends_s=LAST_S)
    assert failed_looks(name, series, BEGINS_S + 60, tmp_path) == list(range(BEGINS_S + 60, LAST_S, LOOK_S))


@pytest.mark.parametrize("name", ["errors", "degraded"])
def test_a_canary_that_stays_bad_after_an_outage_fails_once_the_outage_is_out_of_sight(
    name: str, tmp_path: Path
) -> None:
    series = outage("old", per_s=9, starts_s=0, ends_s=ENDS_S)
    series += outage("new", per_s=1, starts_s=0, ends_s=LAST_S)
    assert failed_looks(name, series, ENDS_S, tmp_path) == list(range(ENDS_S + 2 * LOOK_S, LAST_S, LOOK_S))
