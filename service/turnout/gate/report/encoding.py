"""report.json: the values themselves, for programs and for looking up what the comment left out."""

from __future__ import annotations

import math
import sys
from typing import Any

import msgspec

from turnout.gate.result import CheckReport


def encode(report: CheckReport) -> bytes:
    """The report as indented JSON, which `decode` reads back.

    JSON has no infinity and UTF-8 no half characters: an infinite number becomes the largest one there is, half a
    character its escape.
    """
    return msgspec.json.format(msgspec.json.encode(_writable(msgspec.to_builtins(report))), indent=2) + b"\n"


def decode(data: bytes) -> CheckReport:
    """What `encode` wrote.

    Raises:
        msgspec.ValidationError: it is not a report of this version of turnout.
    """
    return msgspec.json.decode(data, type=CheckReport)


def _writable(value: Any) -> Any:
    match value:
        case dict():
            return {_writable(key): _writable(item) for key, item in value.items()}
        case list() | tuple():
            return [_writable(item) for item in value]
        case str():
            return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
        case float() if math.isinf(value):
            return math.copysign(sys.float_info.max, value)
        case _:
            return value
