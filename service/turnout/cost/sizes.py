"""Bytes of both views, by the formulas of `plan.sizes`, and scaled by what a real view took. Called by `simulate`, and
by the gate after a rehearsal."""

from __future__ import annotations

import msgspec

from turnout.cost.documents import Population
from turnout.cost.result import Cost, Sizes
from turnout.cost.workload import Workload
from turnout.plan import Change, differences, highest
from turnout.plan.sizes import VectorSize, replicas, vector_size
from turnout.release.artifacts import Release


def sizes(base: Release | None, head: Release, workload: Workload) -> Sizes:
    """Each view alone, and both while they coexist; None where the number of passages is unknown.

    Without a new view (the change is less than `copy`) both are one, and the larger of the two counts.
    """
    new, old = _size(head, workload), _size(base, workload) if base is not None else None
    apart = base is None or highest(differences(base, head)) in (Change.COPY, Change.EMBED)
    both = _both(old, new, apart) if new is not None else None
    return Sizes(
        base_disk_bytes=None if old is None else old.disk_bytes,
        base_ram_bytes=None if old is None else old.ram_bytes,
        head_disk_bytes=None if new is None else new.disk_bytes,
        head_ram_bytes=None if new is None else new.ram_bytes,
        both_disk_bytes=None if both is None else both.disk_bytes,
        both_ram_bytes=None if both is None else both.ram_bytes,
        calibration=None,
    )


def calibration(measured: int | None, release: Release, passages: int) -> float | None:
    """Measured bytes of the vectors of one copy over computed ones; None if nothing was measured."""
    computed = vector_size(release, passages).disk_bytes / (1 + replicas(release))
    return measured / computed if measured and computed > 0 else None


def calibrated(cost: Cost, factor: float | None) -> Cost:
    """The same cost with bytes on disk scaled by a measured `factor`; as it is if nothing was measured."""
    if factor is None:
        return cost
    names = ("base_disk_bytes", "head_disk_bytes", "both_disk_bytes")
    known = {name: size for name in names if (size := getattr(cost.sizes, name)) is not None}
    scaled = {name: round(size * factor) for name, size in known.items()}
    said = f"sizes on disk: scaled by {factor:.3f}, as measured on the rehearsal's view of the head"
    return msgspec.structs.replace(
        cost,
        sizes=msgspec.structs.replace(cost.sizes, **scaled, calibration=factor),
        assumptions=(*cost.assumptions, said),
    )


def _size(release: Release, workload: Workload) -> VectorSize | None:
    if workload.documents == 0:
        return vector_size(release, 0)
    if workload.documents is None or not workload.sample_tokens:
        return None
    population = Population.of(workload.documents, workload.sample_tokens, release)
    return vector_size(release, round(float(population.per_document[:, 0].mean()) * workload.documents))


def _both(old: VectorSize | None, new: VectorSize, apart: bool) -> VectorSize:
    if old is None:
        return new
    if apart:
        return VectorSize(disk_bytes=old.disk_bytes + new.disk_bytes, ram_bytes=old.ram_bytes + new.ram_bytes)
    return VectorSize(disk_bytes=max(old.disk_bytes, new.disk_bytes), ram_bytes=max(old.ram_bytes, new.ram_bytes))
