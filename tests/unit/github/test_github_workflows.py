"""The pull-request workflows: pinned actions as the README lists them, least permissions, one command for a check."""

from __future__ import annotations

import re
from pathlib import Path

GITHUB = Path(__file__).parents[3] / ".github"


def test_every_action_is_pinned_by_the_commit_that_the_readme_lists() -> None:
    listed = set(
        re.findall(r"^\| ([\w/-]+) \| (v[\d.]+) \| ([0-9a-f]{40}) \|$", (GITHUB / "README.md").read_text(), re.M)
    )
    used = set()
    for workflow in (GITHUB / "workflows").iterdir():
        for line in re.findall(r"uses: (.*)", workflow.read_text()):
            pinned = re.fullmatch(r"([\w-]+/[\w-]+)[\w/-]*@([0-9a-f]{40})  # (v[\d.]+)", line)
            assert pinned, f"{workflow.name}: {line}"
            used.add((pinned[1], pinned[3], pinned[2]))
    assert used == listed


def test_no_workflow_has_more_than_it_needs() -> None:
    for workflow in (GITHUB / "workflows").iterdir():
        text = workflow.read_text()
        assert "\npermissions: {}\n" in text
        assert "pull_request_target" not in text
        assert "secrets." not in text
        jobs = re.split(r"\n  (?=[a-z]+:\n    name: )", text.split("\njobs:")[1])[1:]
        assert all("timeout-minutes: " in job and "permissions:" in job for job in jobs)
        assert text.count("actions/checkout@") == text.count("persist-credentials: false")


def test_the_check_is_the_command_that_a_laptop_runs_and_only_readers_run_it() -> None:
    text = (GITHUB / "workflows" / "check.yaml").read_text()
    running, *others = re.split(r"\n  (?=comment:|findings:)", text.split("\njobs:")[1])
    assert '.venv/bin/turnout check --base "$BASE"' in running
    assert ": write" not in running
    assert "fetch-depth: 0" in running
    assert not any("turnout check" in other or "make " in other for other in others)
