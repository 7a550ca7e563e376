"""promote.sh moves production to what is healthy in staging, forward only. Real git; kubectl is a stand-in."""

import os
import subprocess
from pathlib import Path

import pytest

from support.go_modules import ROOT

GIT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
WHO = ("-c", "user.name=t", "-c", "user.email=t@example.org")


def git(folder: Path, *args: str) -> str:
    command = ["git", *WHO, *args]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=folder, env={**os.environ, **GIT}
    ).stdout.strip()


@pytest.fixture
def clone(tmp_path) -> Path:
    """A clone with two commits on main; production, on the server, is at the first."""
    git(tmp_path, "init", "-q", "--bare", "server.git")
    git(tmp_path, "clone", "-q", "server.git", "clone")
    folder = tmp_path / "clone"
    for message in ("first", "second"):
        git(folder, "commit", "-q", "--allow-empty", "-m", message)
    git(folder, "push", "-q", "origin", "HEAD:refs/heads/main", "HEAD~1:refs/heads/production")
    return folder


def promote(clone: Path, state: str, *, code: int = 0) -> subprocess.CompletedProcess[str]:
    programs = clone.parent / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "kubectl").write_text(f'#!/bin/sh\nprintf %s "{state}"\nexit {code}\n')
    (programs / "kubectl").chmod(0o755)
    env = {**os.environ, **GIT, "PATH": f"{programs}:{os.environ['PATH']}"}
    script = str(ROOT / "argocd/promote.sh")
    return subprocess.run([script], check=False, capture_output=True, text=True, cwd=clone, env=env)


def production(clone: Path) -> str:
    return git(clone.parent / "server.git", "rev-parse", "production")


def test_a_commit_that_is_healthy_in_staging_goes_to_production(clone):
    newest = git(clone, "rev-parse", "HEAD")
    done = promote(clone, f"Synced Healthy Succeeded {newest}")
    assert (done.returncode, production(clone)) == (0, newest)


@pytest.mark.parametrize(
    "state",
    [
        "Synced Progressing Succeeded",
        "Synced Suspended Succeeded",
        "OutOfSync Healthy Succeeded",
        "Synced Degraded Failed",
    ],
)
def test_one_that_is_not_stays_out(clone, state):
    before = production(clone)
    done = promote(clone, f"{state} {git(clone, 'rev-parse', 'HEAD')}")
    assert (done.returncode, production(clone)) == (1, before)
    assert "production stays where it is" in done.stderr


def test_an_application_that_has_no_commit_moves_nothing(clone):
    before = production(clone)
    assert promote(clone, "Synced Healthy Succeeded main").returncode == 1
    assert production(clone) == before


def test_production_is_never_moved_aside(clone):
    git(clone, "push", "-q", "origin", "HEAD:refs/heads/production")
    git(clone, "checkout", "-q", "HEAD~1")
    git(clone, "commit", "-q", "--allow-empty", "-m", "elsewhere")
    before = production(clone)
    done = promote(clone, f"Synced Healthy Succeeded {git(clone, 'rev-parse', 'HEAD')}")
    assert (done.returncode, production(clone)) == (1, before)


def test_a_cluster_that_does_not_answer_moves_nothing(clone):
    before = production(clone)
    assert promote(clone, "", code=1).returncode == 3
    assert production(clone) == before
