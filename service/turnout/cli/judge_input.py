"""What `turnout judge` was asked for, checked before the work begins."""

from __future__ import annotations

import importlib.util
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from turnout.cli.artifacts import read_input
from turnout.cli.moments import moment, shown
from turnout.errors import BadInput, EnvironmentProblem
from turnout.judge.trial import TEMPLATE_HASH
from turnout.release.findings import printable

if TYPE_CHECKING:
    from turnout.release.artifacts import CanaryGates

PREFIX = "search-"
_COLLECTION = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)
_SUFFIXES = (".png", ".svg")


@dataclass(frozen=True)
class Options:
    """The command line as it is."""

    rollout: str
    since: str
    until: str | None
    url: str
    token_file: Path | None
    window_s: float
    canary: str | None
    stable: str | None
    gates_file: Path | None
    pipelines: Path | None
    plot: Path | None
    form: str


def collection_of(rollout: str) -> str:
    """The collection that a Rollout serves, by its name.

    Raises:
        BadInput: no name of such a Rollout.
    """
    collection = rollout.removeprefix(PREFIX)
    if rollout == collection or not _COLLECTION.fullmatch(collection):
        what = f"{printable(rollout)!r} is no Rollout of a collection"
        raise BadInput(what, where="--rollout", remedy=f"give its whole name: {PREFIX}COLLECTION")
    return collection


def check_hashes(options: Options) -> None:
    """Do nothing if the hashes, where given, can be some.

    Raises:
        BadInput: one can't.
    """
    for option, value in (("--canary", options.canary), ("--stable", options.stable)):
        if value is not None and not TEMPLATE_HASH.fullmatch(value):
            remedy = "give the label rollouts-pod-template-hash of its pods"
            raise BadInput(f"{printable(value)!r} is no pod template hash", where=option, remedy=remedy)


def time_range(options: Options, *, now: float) -> tuple[float, float]:
    """Start and end of the range in which trials are looked for, Unix seconds. It ends now at the latest.

    Raises:
        BadInput: a time that is none, in the future, or an end that isn't after the start.
    """
    since = moment(options.since, option="--since", now=now)
    if since > now:
        what = f"{shown(since)} lies in the future: now is {shown(now)}"
        raise BadInput(what, where="--since", remedy="give an earlier time; without a zone it is taken as UTC")
    if since < 0:
        raise BadInput("before 1970", where="--since", remedy="give a later time")
    until = now if options.until is None else min(now, moment(options.until, option="--until", now=now))
    if until <= since:
        what = f"{shown(until)} isn't after --since, {shown(since)}"
        raise BadInput(what, where="--until", remedy="give a later time, or leave it out")
    return since, until


def check_plot(path: Path | None) -> None:
    """Find out before the work begins whether the picture can be drawn and written.

    Raises:
        BadInput: another suffix, or no place that can be written.
        EnvironmentProblem: the extra `check` isn't installed.
    """
    if path is None:
        return
    where = printable(str(path))
    if path.suffix.lower() not in _SUFFIXES:
        raise BadInput("a picture is a .png or a .svg file", where=where, remedy="give a name that ends so")
    folder = path.parent
    if not folder.is_dir():
        raise BadInput("there is no such folder", where=printable(str(folder)), remedy="make it, or give another one")
    if path.is_dir() or not os.access(path if path.exists() else folder, os.W_OK):
        raise BadInput("can't be written", where=where, remedy="give a file that may be written")
    if importlib.util.find_spec("matplotlib") is None:
        raise EnvironmentProblem("drawing needs matplotlib", where="--plot", remedy="pip install 'turnout[check]'")


def read_secret(path: Path) -> str:
    """The content of a file with a token.

    Raises:
        BadInput: it can't be read, or isn't text.
    """
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        what = f"the token can't be read: {getattr(error, 'strerror', None) or 'it is no text'}"
        raise BadInput(what, where=printable(str(path)), remedy="give a readable file with nothing but it") from error


def canary_gates(options: Options, collection: str, root: Path) -> tuple[CanaryGates, str]:
    """The gates to judge by, and in words where they are from.

    Raises:
        BadInput: the file can't be read, or isn't valid.
    """
    from turnout.release.artifacts import CanaryGates, Gates
    from turnout.release.schema import convert
    from turnout.release.yaml_reader import read_yaml

    path = options.gates_file or (options.pipelines or root / "pipelines") / collection / "gates.yaml"
    where = printable(str(path))
    if options.gates_file is None and not path.exists():
        return CanaryGates(), f"the defaults: there is no {where}"
    document, findings = read_yaml(where, read_input(path))
    gates = None
    if document is not None:
        gates, more = convert("gates", document, Gates)
        findings = [*findings, *more]
    if gates is None or findings:
        raise BadInput(findings[0].problem, where=findings[0].place, remedy=findings[0].remedy)
    given = gates.canary is not msgspec.UNSET
    return gates.judged, where if given else f"the defaults: {where} has no `canary`"
