"""report.html: one file without any network, with plots, readable on a phone and in dark mode."""

from __future__ import annotations

import importlib.util
from importlib.resources import files
from typing import Any

from turnout.errors import EnvironmentProblem
from turnout.gate.report import verdicts
from turnout.gate.report.content import Code, sentence
from turnout.gate.report.parts import general, parts
from turnout.gate.result import CheckReport
from turnout.release.findings import printable

_TEMPLATE = "page.html.jinja"
_NEEDED = ("jinja2", "matplotlib", "sklearn")


def require_drawing() -> None:
    """Find out before the work begins whether the report can be drawn.

    Raises:
        EnvironmentProblem: the extra `check` isn't installed.
    """
    missing = [module for module in _NEEDED if importlib.util.find_spec(module) is None]
    if missing:
        raise EnvironmentProblem(
            f"the report can't be drawn without {', '.join(missing)}", remedy="pip install 'turnout[check]'"
        )


def html(report: CheckReport) -> str:
    """The page.

    Raises:
        EnvironmentProblem: the extra `check` isn't installed.
    """
    require_drawing()
    import jinja2

    from turnout.gate.report.pictures import pictures

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.tests["code"] = lambda cell: isinstance(cell, Code)
    environment.filters["sentence"] = sentence
    made = parts(report)
    return environment.from_string(files(__package__).joinpath(_TEMPLATE).read_text("utf-8")).render(
        verdict=report.verdict,
        headline=verdicts.headline(report),
        compared=verdicts.compared(report),
        general=general(report),
        parts=[(part, pictures(report.collections[part.place], part.place)) for part in made],
    )


def _shown(value: Any) -> Any:
    """Plain text loses what could turn the direction of a line; markup of ours has none of it."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
