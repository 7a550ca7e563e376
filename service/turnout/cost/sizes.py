"""Bytes of both views, by the formulas of `plan.sizes`, scaled by what a real view took. Called by `simulate`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from turnout.cost.documents import Population
from turnout.cost.result import Sizes
from turnout.cost.workload import Workload
from turnout.plan import Change, differences, highest
from turnout.plan.sizes import VectorSize, replicas, vector_size
from turnout.release.artifacts import Release


def sizes(base: Release | None, head: Release, workload: Workload, *, calibrated: float | None) -> Sizes:
    """Each view alone, and both while they coexist; None where the number of passages is unknown.

    Without a new view (the change is less than `copy`) both are one, and the larger of the two counts.
    """
    new, old = _size(head, workload), _size(base, workload) if base is not None else None
    apart = base is None or highest(differences(base, head)) in (Change.COPY, Change.EMBED)
    both = _both(old, new, apart) if new is not None else None
    factor = 1.0 if calibrated is None else calibrated
    return Sizes(
        base_disk_bytes=None if old is None else round(old.disk_bytes * factor),
        base_ram_bytes=None if old is None else old.ram_bytes,
        head_disk_bytes=None if new is None else round(new.disk_bytes * factor),
        head_ram_bytes=None if new is None else new.ram_bytes,
        both_disk_bytes=None if both is None else round(both.disk_bytes * factor),
        both_ram_bytes=None if both is None else both.ram_bytes,
        calibration=calibrated,
    )


def calibration_of(disk_usage: Mapping[str, Any], release: Release, passages: int) -> float | None:
    """Measured over computed bytes of vectors on disk; None if the answer holds no vectors.

    Args:
        disk_usage: the answer of `POST <view>/_disk_usage`, which looks at one copy of each shard.
        release: the release that filled the view.
        passages: in the view, those of all documents together.
    """
    index = release.pipeline.index
    field = f"{index.passages}.{index.passage_vector}"
    found = [part["fields"].get(field) for part in disk_usage.values() if isinstance(part, dict) and "fields" in part]
    return calibration(sum(int(part.get("knn_vectors_in_bytes", 0)) for part in found if part), release, passages)


def calibration(measured: int | None, release: Release, passages: int) -> float | None:
    """Measured bytes of the vectors of one copy over computed ones; None if nothing was measured."""
    computed = vector_size(release, passages).disk_bytes / (1 + replicas(release))
    return measured / computed if measured and computed > 0 else None


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
