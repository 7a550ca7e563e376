"""A hostile file is refused as quickly as an honest one is read."""

from __future__ import annotations

import time

import pytest

from turnout.release.yaml_reader import read_yaml


@pytest.mark.parametrize("value", ["1_" * 20_000 + "x", "1:1" * 20_000 + "x", "1" * 100_000 + "e", "0_" * 20_000 + "x"])
def test_what_looks_like_a_number_for_long_is_told_apart_in_linear_time(value: str) -> None:
    started = time.process_time()
    read_yaml("model.yaml", f"id: {value}".encode())
    assert time.process_time() - started < 5


@pytest.mark.parametrize("value", ["1_0", "+1_", "1__0.5_", "10_.0"])
def test_numbers_with_underscores_are_ambiguous(value: str) -> None:
    _, findings = read_yaml("model.yaml", f"id: {value}".encode())
    assert [finding.rule for finding in findings] == ["ambiguous-value"]
