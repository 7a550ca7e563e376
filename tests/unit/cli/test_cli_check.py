"""`turnout check` where no server is needed: bad input of every kind, what ends before a rehearsal, how it speaks."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from support.artifact_files import PIPELINE
from support.checked_repository import Repository
from turnout.cli.checking import Progress, as_annotations, exit_code
from turnout.cli.main import main
from turnout.gate.result import CheckReport, CollectionReport, GateFinding, Step
from turnout.gate.steps import Began, Ended
from turnout.verify import Verdict

Turnout = Callable[..., tuple[int, str, str]]
REPORTS = ["findings.sarif", "report.html", "report.json", "report.md"]
SECRET = "sk-a-key-that-nobody-may-see"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    root = tmp_path / "repository"
    root.mkdir()
    return Repository(root)


@pytest.fixture
def turnout(repository: Repository, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Turnout:
    monkeypatch.setenv("TURNOUT_ROOT", str(repository.root))
    monkeypatch.setenv("TURNOUT_EMBEDDING_API_KEY", SECRET)
    monkeypatch.delenv("TURNOUT_BUILD", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["turnout", "check", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, shown.out, shown.err

    return run


def reports(repository: Repository) -> list[str]:
    folder = repository.root / "build" / "check"
    return sorted(each.name for each in folder.iterdir()) if folder.exists() else []


def report(repository: Repository) -> dict[str, object]:
    found: dict[str, object] = json.loads((repository.root / "build/check/report.json").read_text())
    return found


def test_no_collection_changed_is_a_pass_that_says_so(repository: Repository, turnout: Turnout) -> None:
    code, out, _ = turnout("--base", "main")
    assert (code, reports(repository)) == (0, REPORTS)
    assert "no collection" in out.lower()
    assert "no collection" in (repository.root / "build/check/report.md").read_text()


def test_a_folder_of_the_repository_without_artifacts_is_no_pass(
    repository: Repository, turnout: Turnout, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository.root / "service").mkdir()
    monkeypatch.setenv("TURNOUT_ROOT", str(repository.root / "service"))
    code, out, err = turnout("--base", "main")
    assert (code, out, "there are no artifacts here" in err, "TURNOUT_ROOT" in err) == (2, "", True, True)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "--base"),
        (("--base", "nowhere"), 2, "names no commit"),
        (("--base", "--output=x"), 2, ""),
        (("--base", "main", "toyz"), 2, "toys"),
        (("--base", "main", "--format", "xml"), 2, ""),
        (("--base", "main", "--processes", "-1"), 2, ""),
        (("--base", "main", "--out", "/dev/null/x"), 3, "/dev/null/x"),
        (("--base", "main", "--out", "/proc"), 3, "--out"),
    ],
)
def test_wrong_usage_ends_before_any_work(
    arguments: tuple[str, ...], code: int, said: str, repository: Repository, turnout: Turnout
) -> None:
    ended, out, err = turnout(*arguments)
    assert (ended, out) == (code, ""), err
    assert said in err
    assert not any(name.startswith("report") for name in reports(repository))


def test_outside_of_a_repository_ends_with_2(turnout: Turnout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("TURNOUT_ROOT", str(tmp_path / "elsewhere"))
    code, _, err = turnout("--base", "main")
    assert (code, "not inside a Git repository" in err) == (2, True)


def test_a_shallow_clone_ends_with_3_and_says_how_to_get_the_history(
    repository: Repository, turnout: Turnout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.change(PIPELINE, {"size: 64": "size: 32"})
    repository.commit()
    repository.git("checkout", "-q", "main")
    repository.git("commit", "-q", "--allow-empty", "-m", "x")
    repository.git("checkout", "-q", "work")
    clone = tmp_path / "clone"
    source = repository.root.as_uri()
    subprocess.run(["git", "clone", "-q", "--depth=1", "--no-single-branch", source, str(clone)], check=True)
    monkeypatch.setenv("TURNOUT_ROOT", str(clone))
    code, _, err = turnout("--base", "origin/main")
    assert (code, "git fetch --unshallow" in err, "fetch-depth: 0" in err) == (3, True, True)


def test_histories_without_a_common_commit_end_with_3(repository: Repository, turnout: Turnout) -> None:
    repository.git("checkout", "-q", "--orphan", "other")
    repository.write({"README.md": "another beginning"})
    repository.commit()
    code, _, err = turnout("--base", "main")
    assert (code, "no commit in common" in err) == (3, True)


def test_a_report_of_an_earlier_run_is_not_left_for_this_one(repository: Repository, turnout: Turnout) -> None:
    assert turnout("--base", "main")[0] == 0
    assert turnout("--base", "nowhere")[0] == 2
    assert reports(repository) == []


def test_broken_artifacts_fail_and_are_in_the_sarif_file_and_the_annotations(
    repository: Repository, turnout: Turnout
) -> None:
    repository.change(PIPELINE, {"overlap: 8": "overlap: 80"}, lock=False)
    code, out, _ = turnout("--base", "main", "--format", "github")
    assert code == 1
    assert f"::error file={PIPELINE},line=12,col=12,title=turnout validate%3A overlap-too-large::" in out
    sarif = json.loads((repository.root / "build/check/findings.sarif").read_text())
    assert {each["ruleId"] for each in sarif["runs"][0]["results"]} >= {"overlap-too-large"}
    assert "overlap-too-large" in (repository.root / "build/check/report.md").read_text()


def test_json_is_the_report_file(repository: Repository, turnout: Turnout) -> None:
    repository.delete()
    code, out, _ = turnout("--base", "main", "--format", "json")
    assert (code, json.loads(out)) == (1, report(repository))
    assert "collection-deleted" in out


def test_an_unchanged_collection_that_does_not_validate_is_not_green(repository: Repository, turnout: Turnout) -> None:
    repository.change(PIPELINE, {"overlap: 8": "overlap: 80"}, lock=False)
    repository.to_base()
    assert turnout("--base", "main")[0] == 1


def test_a_policy_that_cannot_be_read_fails_even_if_no_collection_changed(
    repository: Repository, turnout: Turnout
) -> None:
    repository.write({"pipelines/policy.yaml": "kind: ["})
    assert turnout("--base", "main")[0] == 1


def test_a_looser_policy_does_not_hold_for_the_change_that_brings_it(repository: Repository, turnout: Turnout) -> None:
    repository.change(PIPELINE, {"requests_per_minute: 600": "requests_per_minute: 900"})
    looser = {"apiVersion": "turnout/v1", "kind": "Policy", "rate_limit": {"max_increase": 100.0}}
    repository.write({"pipelines/policy.yaml": json.dumps(looser)})
    code, out, _ = turnout("--base", "main", "--format", "github")
    assert (code, "rate-limit-raised" in out, "policy-changed" in out) == (1, True, True)


def test_a_server_that_is_not_there_ends_with_3_and_what_was_found_is_in_the_report(
    repository: Repository, turnout: Turnout
) -> None:
    repository.change(PIPELINE, {"rank_constant: 61": "rank_constant: 50"})
    code, out, err = turnout("--base", "main")
    assert (code, reports(repository)) == (3, REPORTS), out + err
    found = report(repository)
    assert found["verdict"] == "inconclusive"
    text = (repository.root / "build/check/report.md").read_text()
    assert "127" in text
    assert "toys: validate: no findings" in err
    for name in REPORTS:
        assert SECRET not in (repository.root / "build/check" / name).read_text()
    assert SECRET not in out + err


def test_a_hostile_change_cannot_make_the_report_too_large(repository: Repository, turnout: Turnout) -> None:
    repository.write({f"pipelines/{'x' * 100}{number}/model.yaml": "a: [" for number in range(300)})
    repository.write({PIPELINE: "".join(f"key{number}: 1\n" for number in range(20_000))})
    assert turnout("--base", "main")[0] == 1
    assert (repository.root / "build/check/report.md").stat().st_size < 60_000


def test_an_interrupt_ends_with_130_and_leaves_no_report(repository: Repository) -> None:
    """The very process, for the signal: it hangs at a server that takes a connection and never answers."""
    import signal
    import socket
    import time

    repository.change(PIPELINE, {"rank_constant: 61": "rank_constant: 50"})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        env = os.environ | {"TURNOUT_ROOT": str(repository.root), "TURNOUT_ELASTICSEARCH_URL": url}
        command = [sys.executable, "-m", "turnout", "check", "--base", "main"]
        process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        silent.settimeout(60)
        connection, _ = silent.accept()
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        connection.close()
    assert (process.returncode, "interrupted" in err) == (130, True), err
    assert not any(name.startswith("report") for name in reports(repository))


def finding(verdict: Verdict = "fail", step: Step = "plan", **changes: str) -> GateFinding:
    parts = {"rule": "some-rule", "where": "", "what": "it is so", "remedy": "mend it", **changes}
    return GateFinding(step=step, verdict=verdict, **parts)


def checked(*findings: GateFinding, verdict: Verdict = "fail") -> CheckReport:
    empty = dict.fromkeys(("base_id", "head_id", "plan", "cost", "rehearsal"))
    only = CollectionReport(
        collection="toys",
        change="embed",
        verdict=verdict,
        findings=findings,
        seconds={},
        **empty,  # type: ignore[arg-type]
    )
    parts = {"base_ref": "main", "base_commit": "a" * 40, "head": "b" * 40, "turnout": "0", "seconds": 0.0}
    return CheckReport(verdict=verdict, collections=(only,), **parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("verdict", "step", "code"),
    [
        ("pass", "plan", 0),
        ("fail", "plan", 1),
        ("inconclusive", "rehearsal", 1),
        ("inconclusive", "environment", 3),
        ("fail", "environment", 1),
    ],
)
def test_the_exit_code_says_pass_or_not_and_whose_fault(verdict: Verdict, step: Step, code: int) -> None:
    assert exit_code(checked(finding(verdict, step), verdict=verdict)) == code


@pytest.mark.parametrize(
    ("where", "shown"),
    [
        ("pipelines/toys/model.yaml:3:5 (/dims)", "file=pipelines/toys/model.yaml,line=3,col=5,"),
        ("0123456789ab:pipelines/toys/release.json", "file=pipelines/toys/release.json,"),
        ("http://127.0.0.1:9200", "title="),
        ("pipelines/a,b%\n/x.yaml:1", "file=pipelines/a%2Cb%25%0A/x.yaml,line=1,"),
    ],
)
def test_an_annotation_is_at_the_place_of_the_finding_and_stays_one_line(where: str, shown: str) -> None:
    first, last = as_annotations(checked(finding(where=where, what="a\n::error::b")))
    assert first.startswith(f"::error {shown}")
    assert "\n" not in first
    assert last.endswith("fail")


def test_an_annotation_steers_no_terminal() -> None:
    reason = "a\x1b]0;b\x07\r\u202ec"
    line, _ = as_annotations(checked(finding("pass", lifted_by=reason)))
    assert line.isprintable()
    assert line.endswith("a\\x1b]0;b\\x07%0D\\u202ec")


def test_a_note_and_a_lifted_rule_are_no_errors() -> None:
    note, lifted, _ = as_annotations(checked(finding("pass"), finding("pass", lifted_by="agreed")))
    assert note.startswith("::notice ")
    assert lifted.startswith("::warning ")
    assert lifted.endswith("Lifted by an override: agreed")


def test_progress_is_plain_lines_off_a_terminal_and_holds_no_control_characters() -> None:
    told = io.StringIO()
    with Progress(Console(file=told, width=40)) as progress:
        progress(Began("to\x1b[31mys", "plan"))
        progress.detail("half")
        progress(Ended("to\x1b[31mys", "plan", 1.25, "[bold]query"))
    assert told.getvalue() == "to\\x1b[31mys: plan: [bold]query (1.2 s)\n"
