"""What gates.yaml promises users: optional, with defaults, and measurable."""

from __future__ import annotations

from typing import Any

import pytest

from support.artifact_files import GATES, TEXTS, checked, locked
from support.releases import make_release
from turnout.release.artifacts import LatencyObjective, Objectives
from turnout.release.findings import Finding
from turnout.release.fingerprint import decode, encode
from turnout.release.latency_bounds import SECONDS, nearest_ms
from turnout.release.schema import definition


def test_without_objectives_the_defaults_hold_and_the_release_says_nothing_of_them() -> None:
    release = make_release()
    assert release.gates.promised == Objectives(
        availability=0.995, latency=LatencyObjective(within_ms=1000.0, share=0.99)
    )
    assert b'"slo"' not in encode(release)


def test_objectives_are_part_of_the_release_and_come_back_as_written() -> None:
    given: dict[str, Any] = {"slo": {"availability": 0.999, "latency": {"within_ms": 250, "share": 0.95}}}
    release = make_release(gates=given)
    assert release.id != make_release().id
    assert decode(encode(release)).gates.promised == Objectives(
        availability=0.999, latency=LatencyObjective(within_ms=250.0, share=0.95)
    )
    assert release.fingerprints == make_release().fingerprints


def test_an_objective_may_be_given_alone() -> None:
    found = make_release(gates={"slo": {"latency": {"within_ms": 250}}}).gates.promised
    assert (found.availability, found.latency.within_ms, found.latency.share) == (0.995, 250.0, 0.99)


@pytest.mark.parametrize("seconds", SECONDS)
def test_every_bound_of_the_histogram_can_be_promised(seconds: float) -> None:
    assert not _findings(f"{seconds * 1000:g}")


@pytest.mark.parametrize(
    ("within", "near"), [("300", "write 250 or 500,"), ("0.5", "write 1,"), ("9999.5", "write 5000 or 10000,")]
)
def test_a_time_between_two_bounds_is_refused_with_the_nearest(within: str, near: str) -> None:
    (finding,) = _findings(within)
    assert (finding.rule, finding.pointer) == ("no-bound", "/slo/latency/within_ms")
    assert near in finding.remedy
    assert f"{within} ms" in finding.problem


def test_beyond_the_last_bound_only_the_last_is_near() -> None:
    assert nearest_ms(20_000) == [10_000]


def test_the_schema_names_every_bound() -> None:
    within = definition("gates")["properties"]["slo"]["properties"]["latency"]["properties"]["within_ms"]
    named = within["description"].split(": ")[1].rstrip(".").replace(" or ", ", ").split(", ")
    assert [float(each) for each in named] == [bound * 1000 for bound in SECONDS]
    assert within["maximum"] == SECONDS[-1] * 1000


def _findings(within: str) -> list[Finding]:
    slo = f"slo:\n  latency:\n    within_ms: {within}\nverify:\n"
    texts = locked(TEXTS)
    texts[GATES] = texts[GATES].replace("verify:\n", slo, 1)
    return [finding for finding in checked(texts).findings if finding.rule != "stale-lock"]
