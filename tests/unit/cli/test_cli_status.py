"""The status as a person sees it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

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
