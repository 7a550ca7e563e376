"""Errors reach the terminal as text: what a file or a server holds can't steer it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_control_characters_of_a_value_are_written_out(tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "schemas").mkdir()
    env = {**os.environ, "TURNOUT_ROOT": str(tmp_path)}
    command = [sys.executable, "-m", "turnout", "apply", "no\x1b[2Jcollection"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "\x1b" not in done.stderr
    assert "x1b[2J" in done.stderr
