"""Keeps a command from changing another environment than its author means. Called by every verb that changes
Elasticsearch, before its first change.

An address in a shell says little about what lies behind it. So the controller writes the name of its environment
beside the indexes, and each recorded environment is protected, not only one that is called production: whose staging is
harmless can't be told from here. A process that was configured as a part of that environment (TURNOUT_ENVIRONMENT)
passes, and so does a person who says its name. Where nothing is recorded, on a laptop or in CI, nothing is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from turnout.cli.settings import Settings
from turnout.elastic.names import Names
from turnout.errors import BadInput

F = TypeVar("F", bound=Callable[..., Any])


def confirming(command: F) -> F:
    """The option `--environment NAME` of a verb; its function takes it as `confirmed`."""
    return click.option(
        "--environment",
        "confirmed",
        metavar="NAME",
        help="The environment that may be changed, where Elasticsearch belongs to one.",
    )(command)


def guard(settings: Settings, names: Names, confirmed: str | None) -> None:
    """Do nothing if this process may change the indexes of `names`.

    Args:
        confirmed: the name that the person gave with `--environment`; None if they gave none.

    Raises:
        BadInput: they belong to another environment than the one meant. Nothing was changed.
        Unavailable: the server can't say.
    """
    recorded = settings.reader().environment(names)
    meant = settings.environment if confirmed is None else confirmed
    if recorded in ("", meant):
        return
    raise BadInput(
        f"this Elasticsearch belongs to the environment {recorded!r}, "
        + (f"not to {meant!r}" if meant else "and nothing says that you mean it"),
        where=names.state,
        remedy=f"look at TURNOUT_ELASTICSEARCH_URL; if that is what you want to change, add --environment {recorded}",
    )
