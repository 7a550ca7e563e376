"""Puts the three files of a report into a folder: all of one run, or none."""

from __future__ import annotations

import os
from pathlib import Path

from turnout.errors import EnvironmentProblem
from turnout.gate.report.comment import markdown
from turnout.gate.report.encoding import encode
from turnout.gate.report.page import html
from turnout.gate.result import CheckReport

NAMES = ("report.md", "report.html", "report.json")


def write(report: CheckReport, folder: Path) -> tuple[Path, ...]:
    """Write report.md, report.html and report.json into `folder`; their paths in this order.

    An earlier run's files go before anything is drawn, so that one that fails leaves nothing that could be taken for
    its own. Each file appears whole or not at all.

    Raises:
        EnvironmentProblem: the folder can't be written, or the extra `check` isn't installed.
    """
    paths = tuple(folder / name for name in NAMES)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            path.unlink(missing_ok=True)
            _beside(path).unlink(missing_ok=True)
        made = (markdown(report).encode("utf-8", "backslashreplace"), _page(report), encode(report))
        for path, data in zip(paths, made, strict=True):
            with _beside(path).open("xb") as file:
                file.write(data)
        for path in paths:
            os.replace(_beside(path), path)
    except OSError as error:
        raise EnvironmentProblem(
            f"the report can't be written: {error.strerror or error}",
            where=str(folder),
            remedy="give a folder that can be written, or make room",
        ) from error
    return paths


def _page(report: CheckReport) -> bytes:
    return html(report).encode("utf-8", "backslashreplace")


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")
