"""The image: pinned by digest, no root, made of files that are there and that the build may see."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LINES = (ROOT / "service" / "Dockerfile").read_text().replace("\\\n", " ").splitlines()


def arguments(instruction: str) -> list[list[str]]:
    return [line.split()[1:] for line in LINES if line.startswith(f"{instruction} ")]


def test_every_base_is_pinned_by_digest() -> None:
    bases = [words[0] for words in arguments("FROM")]
    assert bases
    assert all(re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", base) for base in bases)


def test_it_runs_as_a_number_that_is_not_root() -> None:
    (user,) = arguments("USER")[-1]
    assert all(part.isdecimal() and int(part) > 0 for part in user.split(":"))


def test_what_is_copied_is_there_and_not_ignored() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for words in arguments("COPY"):
        for source in words[:-1]:
            if source.startswith("--from") or words[0].startswith("--from"):
                continue
            assert (ROOT / source).exists(), source
            assert any(Path(source).match(pattern) or source.startswith(pattern) for pattern in allowed), source


@pytest.mark.parametrize("lock", ["service.lock", "build.lock"])
def test_what_is_installed_is_pinned_as_in_the_tests(lock: str) -> None:
    base = dict(_pins("base.lock"))
    pins = dict(_pins(lock))
    assert pins
    assert all(base[name] == version for name, version in pins.items())


def _pins(lock: str) -> list[tuple[str, str]]:
    text = (ROOT / "requirements" / lock).read_text()
    return re.findall(r"^([a-z0-9-]+)==(\S+)", text, flags=re.MULTILINE)


def test_every_dependency_of_the_package_is_in_the_lock_of_the_image() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {re.split(r"[<>=;!~ \[]", line)[0] for line in project["dependencies"]}
    assert needed <= {name for name, _ in _pins("service.lock")}
