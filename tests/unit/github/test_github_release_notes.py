"""A release is made only of a tag, a package version and a changelog section that name the same version."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / ".github" / "release-notes.sh"
CHANGELOG = "# Changelog\n\n## Unreleased\n- not yet\n\n## 1.2.0 - 2026-11-21\n- a flip\n\n## 1.2\n- older\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".github").mkdir()
    shutil.copy(SCRIPT, tmp_path / ".github")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    return tmp_path


def notes(root: Path, tag: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [root / ".github" / SCRIPT.name, tag], cwd="/", capture_output=True, text=True, check=False, timeout=30
    )


def test_the_notes_are_the_section_of_the_version_and_no_more(root: Path) -> None:
    done = notes(root, "v1.2.0")
    assert (done.returncode, done.stdout.strip()) == (0, "- a flip")


def test_a_tag_of_another_version_than_the_package_is_refused(root: Path) -> None:
    done = notes(root, "v1.2.1")
    assert done.returncode == 1
    assert "pyproject.toml says 1.2.0" in done.stderr


def test_a_version_without_a_section_is_refused(root: Path) -> None:
    (root / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n- a flip\n")
    done = notes(root, "v1.2.0")
    assert done.returncode == 1
    assert "no section" in done.stderr
