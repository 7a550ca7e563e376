"""The report of the pull-request workflow on small repositories, and the pins of the workflows."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.artifact_files import MODEL, OVERRIDES, PIPELINE, TEXTS, locked

GITHUB = Path(__file__).parents[3] / ".github"


class Repository:
    """A clone with one release committed, and the report script in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / ".github").mkdir()
        shutil.copy(GITHUB / "report.sh", root / ".github")
        turnout = root / "turnout"
        turnout.write_text(f'#!/bin/sh\nexec {sys.executable} -m turnout "$@"\n')
        turnout.chmod(0o755)
        self.git("init", "-q", "-b", "main")
        self.save(TEXTS)
        self.git("tag", "base")

    def git(self, *arguments: str) -> None:
        who = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(self.root), *who, *arguments], check=True)

    def save(self, texts: dict[str, str], *, lock: bool = True) -> None:
        """Commit artifacts. Without the example's override, whose day is fixed."""
        texts = {file: text for file, text in texts.items() if file != OVERRIDES}
        for file, text in (locked(texts) if lock else texts).items():
            (self.root / file).parent.mkdir(parents=True, exist_ok=True)
            (self.root / file).write_text(text)
        self.commit()

    def commit(self, message: str = "x") -> None:
        self.git("add", "schemas", "pipelines")
        self.git("commit", "-q", "--allow-empty", "-m", message)

    def report(self, base: str = "base") -> tuple[int, str]:
        """The exit code, and report.md."""
        environment = os.environ | {
            "TURNOUT": str(self.root / "turnout"),
            "TURNOUT_ROOT": str(self.root),
            "TURNOUT_ELASTICSEARCH_URL": "http://127.0.0.1:9",
        }
        command = [str(self.root / ".github" / "report.sh"), base]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        file = self.root / "build" / "check" / "report.md"
        return done.returncode, file.read_text() if file.exists() else done.stderr


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_without_a_change_there_is_nothing_to_say(repository: Repository) -> None:
    code, report = repository.report()
    assert code == 0
    assert report.startswith("<!-- turnout-check -->\n")
    assert "no findings" in report
    assert "No collection changes." in report


def test_a_change_is_planned_against_the_base(repository: Repository) -> None:
    repository.save(TEXTS | {MODEL: TEXTS[MODEL].replace("max_tokens: 128", "max_tokens: 100")})
    code, report = repository.report()
    assert code == 0
    assert "embed" in report
    assert "view" in report


def test_a_finding_fails_the_report_and_is_in_the_sarif_file(repository: Repository) -> None:
    bad = TEXTS | {PIPELINE: TEXTS[PIPELINE].replace("overlap: 8", "overlap: 80")}
    repository.save(bad, lock=False)
    code, report = repository.report()
    assert code == 1
    assert "overlap-too-large" in report
    sarif = json.loads((repository.root / "build" / "check" / "findings.sarif").read_text())
    assert sarif["runs"][0]["results"][0]["ruleId"] == "overlap-too-large"


def test_a_deleted_collection_is_never_green(repository: Repository) -> None:
    for folder in ("schemas", "pipelines"):
        shutil.copytree(repository.root / folder / "toys", repository.root / folder / "more")
    repository.commit()
    repository.git("tag", "-f", "base")
    repository.git("rm", "-rq", "schemas/more", "pipelines/more")
    repository.commit()
    code, report = repository.report()
    assert code == 1
    assert "more is deleted" in report


def test_a_base_that_is_not_there_ends_with_3(repository: Repository) -> None:
    code, said = repository.report("origin/main")
    assert code == 3
    assert "origin/main" in said


def test_a_history_that_does_not_reach_the_base_ends_with_3(repository: Repository) -> None:
    repository.git("checkout", "-q", "--orphan", "other")
    repository.commit("of no parent")
    code, said = repository.report()
    assert code == 3
    assert "shallow" in said


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
