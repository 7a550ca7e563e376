"""No fault at all: the commands of the first page and of entries that no fault is for, once everything is mended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import get_args

from e2e import expect
from exercise.faults.autoscaler import autoscaler
from exercise.faults.fault import Fault, Part, Scene

_ALL: frozenset[Part] = frozenset(get_args(Part))
_HARMLESS = (
    ("SearchErrorBudgetBurn", "minReplicas"),
    ("SearchLatencyBudgetBurn", "parallelism"),
    ("CollectionFrozen", "--off"),
    ("ReleaseBlocked", "kubectl delete"),
    ("ControllerSilent", "kubectl rollout restart"),
    ("ViewLagging", "kubectl delete pods"),
    ("LedgerStale", "turnout ledger"),
)
"""Blocks of the runbook that change something, do no harm in a healthy world, and that no fault needs."""


@contextmanager
def _nothing(scene: Scene) -> Iterator[float]:
    expect.settled(scene.world)
    with autoscaler(scene.world):
        yield time.monotonic()
    expect.settled(scene.world, seconds=120)


def _run_harmless(scene: Scene) -> None:
    for entry, words in _HARMLESS:
        scene.change(entry, words)


def nothing(entries: frozenset[str]) -> Fault:
    """A walk through these entries with nothing broken."""
    return Fault(
        "nothing", "nothing is broken", {}, _nothing, needs=_ALL, also=tuple(sorted(entries)), mends=_run_harmless
    )
