"""The status as a person sees it."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest
from rich.console import Console

from turnout.canary.judgment import Evidence, Judgment, ProbeResult
from turnout.cli.status import _show
from turnout.elastic.state import Quarantine, RolloutRecord
from turnout.status import ReleaseStatus, Status, ViewStatus

INDEX = "a-collection-with-a-rather-long-name.view.i-0123456789abcdef.1"
STATUS = Status(
    collection="toys",
    alias="toys",
    alias_targets=(INDEX,),
    live_release="r-0123456789abcdef",
    frozen="incident 12 [red]x[/] (by me@here)",
    documents=1200,
    views=(
        ViewStatus(
            index=INDEX,
            serves=("i-0123456789abcdef",),
            embedding="e-1",
            live_documents=1199,
            placeholders=1,
            behind=None,
            is_live=True,
            parity="fail",
        ),
    ),
    releases=(
        ReleaseStatus(
            release_id="r-0123456789abcdef",
            state="live",
            view=INDEX,
            at="2026-01-01T00:00:00+00:00",
            reason="parity: one is [missing] " + "w" * 90,
            checks={"parity": "fail", "attestation": "pass"},
        ),
    ),
    flips=(),
    rollout=RolloutRecord(
        collection="toys",
        at="2026-01-02T03:04:05+00:00",
        rollout="search-toys",
        phase="Degraded",
        message="RolloutAborted [x]",
        stable="r-0123456789abcdef",
        canary="r-fedcba9876543210",
        canary_state="quarantined",
        weight=10,
        waits=("the revert waits for a review",),
        problems=("somebody moved the alias",),
    ),
    quarantined=(
        Quarantine(
            collection="toys",
            at="2026-01-02T03:04:06+00:00",
            release_id="r-fedcba9876543210",
            by="run-7 (error-ratio)",
            reason="20 % of the answers were errors",
            proposal="https://git.example/pulls/7",
        ),
        Quarantine(collection="toys", at="2026-01-01T00:00:00+00:00", release_id="r-2", by="verification", reason="x"),
    ),
    problems=(f"{INDEX} is not equal to documents",),
)


@pytest.mark.parametrize("width", [20, 80, 200])
def test_names_and_reasons_are_whole_at_any_width(width: int) -> None:
    out = io.StringIO()
    _show(STATUS, Console(file=out, width=width, soft_wrap=True))
    shown = out.getvalue()
    for part in (f"-> {INDEX}", f"problem: {INDEX} is not", "[missing] " + "w" * 90, "[red]x[/]", "1,199"):
        assert part in shown
    assert any(line.startswith(INDEX) and line.rstrip().endswith("live") for line in shown.splitlines())


def test_it_tells_the_rollout_what_waits_and_what_is_in_quarantine() -> None:
    out = io.StringIO()
    _show(STATUS, Console(file=out, width=80, soft_wrap=True))
    for part in (
        "rollout    search-toys is Degraded: RolloutAborted [x] (since 2026-01-02 03:04:05)",
        "canary     r-fedcba9876543210 is quarantined, weight 10 %",
        "waits      the revert waits for a review",
        "r-fedcba9876543210: in quarantine since 2026-01-02 03:04:06 by run-7 (error-ratio): 20 % of the answers",
        "revert     https://git.example/pulls/7",
        "revert     not proposed yet",
    ):
        assert part in out.getvalue()


def judged(**more: Any) -> list[str]:
    """The lines about a judgment."""
    latency = Evidence(
        metric="latency",
        bound=0.25,
        harm=2.41,
        harm_needed=2.4,
        safe=0.0,
        safe_needed=1.3,
        canary_events=30,
        canary_requests=120,
        stable_events=5,
        stable_requests=1084,
        failed_at=1767225960.0,
    )
    errors = msgspec.structs.replace(latency, metric="errors", bound=None, canary_requests=0, failed_at=None)
    judgment = Judgment(
        verdict="fail",
        reason="25 % of searches are slower than 0.25 s [x]\x1b[31m",
        since=1767225600.0,
        until=1767225960.0,
        windows=12,
        evidence=(latency, errors),
    )
    rollout = msgspec.structs.replace(STATUS.rollout, judgment=msgspec.structs.replace(judgment, **more))  # type: ignore[type-var]
    out = io.StringIO()
    _show(msgspec.structs.replace(STATUS, rollout=rollout), Console(file=out, width=80, soft_wrap=True))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_it_tells_how_a_canary_is_judged_with_a_line_for_each_metric() -> None:
    lines = judged()
    at = next(number for number, line in enumerate(lines) if line.startswith("  judged"))
    assert lines[at].startswith("  judged     fail: 25 % of searches are slower than 0.25 s [x]")
    assert lines[at].endswith("(6.0 minutes in 12 windows, until 2026-01-01 00:06:00)")
    assert "\x1b" not in lines[at]
    shares, evidence = "canary 25 % of 120, stable 0.46 % of 1,084", "worse 2.41 of 2.40, as good 0.00 of 1.30"
    assert lines[at + 1].split() == f"latency > 0.25 s {shares} evidence: {evidence}".split()
    assert "errors" in lines[at + 2]
    assert "canary of no searches" in lines[at + 2]


def test_a_judgment_of_nothing_counted_says_when_it_was_made_and_why() -> None:
    lines = judged(verdict="inconclusive", reason="no analysis is running", evidence=(), windows=0)
    assert "  judged     inconclusive: no analysis is running (at 2026-01-01 00:06:00)" in lines


def test_judged_quality_is_a_line_too() -> None:
    asking = ProbeResult(verdict="inconclusive", reason="the query set is being asked")
    assert "    quality          the query set is being asked" in judged(quality=asking)
    done = ProbeResult(verdict="pass", reason="no loss", metric="ndcg@10", canary=0.5, stable=0.49)
    assert "    ndcg@10          canary 0.500, stable 0.490: no loss" in judged(quality=done)
