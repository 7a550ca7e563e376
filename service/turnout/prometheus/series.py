"""What Prometheus answers, typed: series of times and values. Called by `client`; others read `Series` and `Answer`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Point(msgspec.Struct, array_like=True, gc=False):
    """A value at a time, as Prometheus writes it: `[1700000000.5,"12"]`. Read by the hundred thousand, so no more."""

    time: float
    value: float


class _Whole(msgspec.Struct, array_like=True, gc=False):
    time: float
    value: int


class _Text(msgspec.Struct, array_like=True, gc=False):
    time: float
    value: str


@dataclass(frozen=True)
class Series:
    """One series: its labels (with `__name__` if there is one) and its points, ascending in time."""

    labels: dict[str, str]
    points: Sequence[Point]

    @cached_property
    def times(self) -> Floats:
        """Unix seconds; (points,)."""
        return np.fromiter((point.time for point in self.points), np.float64, len(self.points))

    @cached_property
    def values(self) -> Floats:
        """(points,)."""
        return np.fromiter((point.value for point in self.points), np.float64, len(self.points))


@dataclass(frozen=True)
class Answer:
    """The series of one query, and what Prometheus said beside them.

    Args:
        warnings: what it warned of, such as data that is only a part; empty if all is well.
        infos: what it mentioned, such as a query that is written oddly.
        date: its clock when it answered, Unix seconds; None if it didn't say.
    """

    series: tuple[Series, ...]
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    date: float | None = None

    def __iter__(self) -> Iterator[Series]:
        return iter(self.series)

    def __len__(self) -> int:
        return len(self.series)


P = TypeVar("P")


class _Wire(msgspec.Struct, Generic[P]):
    metric: dict[str, str]
    values: list[P] = []


class _Matrix(msgspec.Struct, Generic[P], tag_field="resultType", tag="matrix"):
    result: list[_Wire[P]]


class _Reply(msgspec.Struct, Generic[P], tag_field="status", tag="success"):
    data: _Matrix[P]
    warnings: list[str] = []
    infos: list[str] = []


# Counters are whole numbers, which are read a quarter faster; other values come after them.
_WHOLE = msgspec.json.Decoder(_Reply[_Whole], strict=False)
_FLOAT = msgspec.json.Decoder(_Reply[Point], strict=False)
_TEXT = msgspec.json.Decoder(_Reply[_Text])


def decode(body: bytes, *, date: float | None = None) -> Answer:
    """Read the answer to a range query.

    Raises:
        ValueError: it isn't one.
    """
    try:
        reply = _read(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError("not an answer to a range query") from error
    series = tuple(Series(each.metric, each.values) for each in reply.data.result)
    return Answer(series, tuple(reply.warnings), tuple(reply.infos), date)


def _read(body: bytes) -> _Reply[Point]:
    for decoder in (_WHOLE, _FLOAT):
        try:
            return cast("_Reply[Point]", decoder.decode(body))
        except msgspec.ValidationError:
            continue
    # "+Inf" is a number to Prometheus and to Python, but not to msgspec.
    text = _TEXT.decode(body)
    wires = [
        _Wire(each.metric, [Point(point.time, float(point.value)) for point in each.values])
        for each in text.data.result
    ]
    return _Reply(_Matrix(wires), text.warnings, text.infos)
