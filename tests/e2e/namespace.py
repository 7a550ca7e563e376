"""Put this process into the cluster's network namespace, so that it reaches pods, Services and what listens there.

Entering by `nsenter` would need a process for each question. Only threads that begin afterwards are inside, too, so
this is done before any is started. Called by the world.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from turnout.errors import EnvironmentProblem

_CLONE_NEWNET = 0x40000000


@contextmanager
def inside(enter: Sequence[str]) -> Iterator[None]:
    """Run the block inside the namespace that `enter`, a prefix as `nsenter --net=FILE`, leads to. None: stay.

    Raises:
        EnvironmentProblem: the kernel doesn't let this process in.
    """
    path = next((part.removeprefix("--net=") for part in enter if part.startswith("--net=")), None)
    if path is None:
        yield
        return
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        inner = os.open(path, os.O_RDONLY)
        try:
            _set(inner, path)
        finally:
            os.close(inner)
        try:
            yield
        finally:
            _set(before, "the network namespace of before")
    finally:
        os.close(before)


def _set(handle: int, name: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(handle, _CLONE_NEWNET) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise EnvironmentProblem(f"can't enter: {reason}", where=name, remedy="run the stories as root")
