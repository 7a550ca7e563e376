"""report.json holds the values themselves and can be read back."""

from __future__ import annotations

import json
import math
import sys

import msgspec
import pytest

from support import gate_reports as made
from support.hostile_reports import PAYLOADS, hostile
from turnout.gate.report import decode, encode

ENDINGS = (
    made.passing,
    made.failing_by_policy,
    made.failing_by_quality,
    made.inconclusive,
    made.deleted,
    made.new,
    made.environment,
    made.nothing,
)


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_was_written_is_read_back(ending: object) -> None:
    report = ending()  # type: ignore[operator]
    assert decode(encode(report)) == report


def test_hostile_texts_survive_and_the_file_is_plain_json() -> None:
    for payload in PAYLOADS:
        report = hostile(payload, times=2)
        assert decode(encode(report)) == report
        assert json.loads(encode(report))["base_ref"] == payload


def test_is_indented_for_people() -> None:
    assert encode(made.passing()).decode().startswith('{\n  "base_ref": "origin/main",\n')


def test_infinity_and_half_characters_can_be_written() -> None:
    report = msgspec.structs.replace(made.nothing(), seconds=math.inf, head="half \ud800")
    read = decode(encode(report))
    assert (read.seconds, read.head) == (sys.float_info.max, "half \\ud800")


def test_another_file_is_no_report() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(b'{"verdict": "pass"}')
