"""`turnout plan` says which share of the searches a canary really gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout.cli.weights import weight_lines

ROOT = Path(__file__).resolve().parents[3]

ROLLOUT = """
kind: Rollout
spec:
  replicas: 10
  strategy:
    canary:
      maxSurge: {surge}
      {more}
      steps:
        - analysis: {{}}
        - setWeight: 5
        - setWeight: 50
"""


def lines(root: Path, text: str) -> list[str]:
    (root / "manifests/search").mkdir(parents=True)
    (root / "manifests/search/rollout.yaml").write_text(text)
    return weight_lines(root)


def test_a_weight_is_shown_as_the_share_of_pods_that_it_comes_to(tmp_path: Path) -> None:
    told = lines(tmp_path, ROLLOUT.format(surge=1, more=""))
    assert told == [
        "weight 5 % is 1 of 11 pods, 9% of the searches",
        "weight 50 % is 5 of 10 pods, 50% of the searches",
    ]


def test_the_projects_own_steps_are_read_with_the_autoscalers_least_number() -> None:
    assert weight_lines(ROOT) == [
        "weight 10 % is 1 of 4 pods, 25% of the searches",
        "weight 50 % is 2 of 4 pods, 50% of the searches",
    ]


@pytest.mark.parametrize("text", ["", "kind: Rollout", "{", ROLLOUT.format(surge=1, more="trafficRouting: {}")])
def test_without_steps_that_it_knows_the_plan_says_nothing_of_weights(tmp_path: Path, text: str) -> None:
    assert lines(tmp_path, text) == []
    assert weight_lines(tmp_path / "elsewhere") == []
