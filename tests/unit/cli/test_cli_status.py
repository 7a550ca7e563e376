"""The status as a person sees it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from turnout.cli.status import _show
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
