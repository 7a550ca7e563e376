"""What Prometheus answers, typed: series of times and values. Called by `client`; others read `Series` and `Answer`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Point(msgspec.Struct, array_like=True, gc=False):
    """A value at a time, as Prometheus writes it: `[1700000000.5,"12"]`. Read by the hundred thousand, so no more."""

    time: float
    value: float


class _Loose(msgspec.Struct, array_like=True, gc=False):
    time: float
    value: str


@dataclass(frozen=True)
class Series:
    """One series: its labels (with `__name__` if there is one) and its points, ascending in time."""

    labels: dict[str, str]
    points: list[Point]

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


class _Wire(msgspec.Struct):
    metric: dict[str, str]
    values: list[Point] = []


class _LooseWire(msgspec.Struct):
    metric: dict[str, str]
    values: list[_Loose] = []


class _Matrix(msgspec.Struct, tag_field="resultType", tag="matrix"):
    result: list[_Wire]


class _LooseMatrix(msgspec.Struct, tag_field="resultType", tag="matrix"):
    result: list[_LooseWire]


class _Reply(msgspec.Struct, tag_field="status", tag="success"):
    data: _Matrix
    warnings: list[str] = []
    infos: list[str] = []


class _LooseReply(msgspec.Struct, tag_field="status", tag="success"):
    data: _LooseMatrix


_STRICT = msgspec.json.Decoder(_Reply, strict=False)
_LOOSE = msgspec.json.Decoder(_LooseReply)


def decode(body: bytes, *, date: float | None = None) -> Answer:
    """Read the answer to a range query.

    Raises:
        ValueError: it isn't one.
    """
    try:
        try:
            reply = _STRICT.decode(body)
        except msgspec.ValidationError:
            return _loosely(body, date)
        series = tuple(Series(each.metric, each.values) for each in reply.data.result)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError("not an answer to a range query") from error
    return Answer(series, tuple(reply.warnings), tuple(reply.infos), date)


def _loosely(body: bytes, date: float | None) -> Answer:
    """The same, several times slower: numbers such as "+Inf" that msgspec doesn't know."""
    around = msgspec.json.decode(body, type=_Around)
    series = tuple(
        Series(each.metric, [Point(point.time, float(point.value)) for point in each.values])
        for each in _LOOSE.decode(body).data.result
    )
    return Answer(series, tuple(around.warnings), tuple(around.infos), date)


class _Around(msgspec.Struct):
    warnings: list[str] = []
    infos: list[str] = []
