"""The incident that turnout exists to prevent, as a person meets it: a config turned off a rate limit, and the bill for
embedding exploded. No cluster is needed to be told."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from support.artifact_files import LOCK, MODEL, OVERRIDES, PIPELINE, POLICY, QUARANTINE, TEXTS, locked
from turnout.cli.apply import command as apply_command
from turnout.cli.plan import command as plan_command
from turnout.cli.retire import _kept
from turnout.cli.validate import command as validate_command
from turnout.errors import Refused
from turnout.release.artifacts import Policy, RetentionPolicy
from turnout.release.fingerprint import decode

BASE = {file: text for file, text in TEXTS.items() if file not in (OVERRIDES, QUARANTINE)} | {
    MODEL: re.sub(r"digests:\n.*\n.*\n|pooling: mean\n", "", TEXTS[MODEL]).replace("static", "openai")
    + "endpoint: https://embeddings.example.com/v1\n"
}
RAISED = BASE | {
    PIPELINE: BASE[PIPELINE].replace("tokens_per_minute: 1000000", "tokens_per_minute: 100000000"),
}
RULES = ("rate-limit-raised", "worst-hour-above-budget")


def overrides(expires: date) -> str:
    entries = "".join(
        f"  - rule: {rule}\n    reason: the corpus moves this week\n    expires: {expires}\n" for rule in RULES
    )
    return f"apiVersion: turnout/v1\nkind: Overrides\noverrides:\n{entries}"


def today() -> date:
    return datetime.now(UTC).date()


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    """Writes the working tree over a commit of the good release."""
    monkeypatch.setenv("TURNOUT_ROOT", str(tmp_path))

    def put(texts: dict[str, str]) -> None:
        for file, text in texts.items():
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_text(text)

    put(locked(BASE))
    named = ("-c", "user.name=t", "-c", "user.email=t@localhost")
    for command in (["init", "-q"], ["add", "-A"], [*named, "commit", "-q", "-m", "good"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return put


def plan(form: str = "text") -> tuple[object, str]:
    done = CliRunner().invoke(plan_command, ["toys", "--format", form], standalone_mode=False)
    return (done.return_value if done.exception is None else done.exception), done.output


def validate() -> tuple[int, str]:
    done = CliRunner().invoke(validate_command, [], standalone_mode=False)
    assert done.exception is None, done.exception
    return done.return_value, done.output


@pytest.mark.usefixtures("write")
def test_the_good_release_passes() -> None:
    assert validate()[0] == 0
    assert plan()[0] == 0


def test_a_limit_raised_a_hundredfold_is_refused_with_the_worst_hour_before_and_after(
    write: Callable[[dict[str, str]], None],
) -> None:
    write(locked(RAISED))
    assert validate()[0] == 0  # the file is sound; it is the change that isn't
    code, shown = plan()
    assert code == 1
    assert "refused (rate-limit-raised): the rate limit grows: tokens_per_minute 1,000,000 -> 100,000,000" in shown
    assert "the worst hour goes from 30.00 USD to 3,000.00 USD" in shown


def test_a_limit_that_is_removed_is_a_finding_in_its_place(write: Callable[[dict[str, str]], None]) -> None:
    without = re.sub(r"  rate_limit:\n.*\n.*\n", "", BASE[PIPELINE])
    write({PIPELINE: without})
    code, shown = validate()
    assert code == 1
    line = without[: without.index("embed:")].count("\n") + 1
    assert f"{PIPELINE}:{line}:1" in shown
    assert "lacks `rate_limit`" in shown
    refused, _ = plan()
    assert isinstance(refused, Refused)


def test_an_override_with_a_reason_and_a_near_end_lifts_it_and_is_shown(
    write: Callable[[dict[str, str]], None],
) -> None:
    write(locked(RAISED) | {OVERRIDES: overrides(today() + timedelta(days=30))})
    code, shown = plan()
    assert code == 0
    for rule in RULES:
        assert f"lifted by an override ({rule})" in shown
    assert "3,000.00 USD" in shown
    assert "refused" not in shown


@pytest.mark.parametrize(("days", "rule"), [(-1, "override-expired"), (31, "override-too-long")])
def test_an_override_that_has_ended_or_reaches_too_far_lifts_nothing(
    write: Callable[[dict[str, str]], None], days: int, rule: str
) -> None:
    write(locked(RAISED) | {OVERRIDES: overrides(today() + timedelta(days=days))})
    code, shown = validate()
    assert (code, rule in shown) == (1, True)
    refused, _ = plan()
    assert isinstance(refused, Refused)


def test_apply_is_refused_as_plan_is_before_it_asks_a_cluster_when_a_release_is_in_quarantine(
    write: Callable[[dict[str, str]], None],
) -> None:
    release = decode(locked(BASE)[LOCK].encode())
    write({QUARANTINE: TEXTS[QUARANTINE].replace("r-0123456789abcdef", release.id)})
    code, shown = validate()
    assert (code, "quarantined" in shown) == (1, True)
    for command in (plan_command, apply_command):
        done = CliRunner().invoke(command, ["toys"], standalone_mode=False)
        assert isinstance(done.exception, Refused)
        assert release.id in str(done.exception)


def test_the_policy_of_the_repository_is_what_counts(write: Callable[[dict[str, str]], None]) -> None:
    text = "apiVersion: turnout/v1\nkind: Policy\nrate_limit: {max_increase: 100}\nworst_hour: {max_share: 30}\n"
    write(locked(RAISED) | {POLICY: text})
    assert plan()[0] == 0
    write({POLICY: text.replace("max_share: 30", "max_share: 29")})
    assert plan()[0] == 1


def test_a_broken_policy_is_a_finding_of_validate_and_stops_plan(write: Callable[[dict[str, str]], None]) -> None:
    write({POLICY: "apiVersion: turnout/v1\nkind: Policy\nretention: {releases: many}\n"})
    code, shown = validate()
    assert (code, f"{POLICY}:3:23" in shown) == (1, True), shown
    refused, _ = plan()
    assert isinstance(refused, Refused)


def test_a_policy_that_is_a_link_out_of_the_root_is_a_finding(
    write: Callable[[dict[str, str]], None], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "policy.yaml"
    outside.write_text("apiVersion: turnout/v1\nkind: Policy\n")
    (tmp_path / POLICY).symlink_to(outside)
    code, shown = validate()
    assert (code, "out of the root" in shown) == (1, True)


def test_fewer_releases_than_policy_asks_for_are_not_kept() -> None:
    three = Policy(retention=RetentionPolicy(releases=3))
    assert (_kept(three, None), _kept(three, 3), _kept(three, 9)) == (3, 3, 9)
    assert _kept(Policy(retention=RetentionPolicy(releases=0)), None) == 1
    with pytest.raises(Refused, match="policy asks for"):
        _kept(three, 2)
