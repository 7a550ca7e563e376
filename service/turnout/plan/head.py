"""What the rules for new fields ask about the head again and again, worked out once: there may be 10,000 fields."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from turnout.plan.settings import flat_settings
from turnout.release.artifacts import Release


class Head:
    """A release as the rules see it."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self.mappings: dict[str, Any] = release.mapping.get("mappings") or {}

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Index settings by dotted name."""
        return flat_settings(self.release.mapping.get("settings") or {})

    def filled(self, name: str) -> str | None:
        """What a written document fills, by the pipeline or by `copy_to`, that is the field, inside or around it."""
        index = self.release.pipeline.index
        found = _overlapping(name, self._targets)
        if found != index.passages or name == found:
            return found
        own = _around((f"{found}.{index.passage_text}", f"{found}.{index.passage_vector}"))
        return _overlapping(name, own)  # beside the passages' own two nothing is written

    @cached_property
    def _targets(self) -> dict[str, str]:
        index = self.release.pipeline.index
        return _around((*_copied_to(self.mappings), *index.copy, index.passages))


def _around(targets: tuple[str, ...]) -> dict[str, str]:
    """Every target and every object around one -> the target."""
    inside = {name: target for target in targets for name in _path(target)}
    return {**inside, **{target: target for target in targets}}


def _overlapping(name: str, targets: dict[str, str]) -> str | None:
    """The target that is the field or inside it, else one that is around it."""
    if name in targets:
        return targets[name]
    return next((around for around in reversed(_path(name)) if targets.get(around) == around), None)


def _path(name: str) -> list[str]:
    """`a`, `a.b` and `a.b.c` of `a.b.c`."""
    tokens = name.split(".")
    return [".".join(tokens[:length]) for length in range(1, len(tokens) + 1)]


def _copied_to(definition: dict[str, Any]) -> Iterator[str]:
    for field in children(definition, "properties").values():
        if isinstance(field, dict):
            targets = field.get("copy_to") or []
            yield from [targets] if isinstance(targets, str) else map(str, targets)
            yield from _copied_to(field)


def children(definition: Any, key: str) -> dict[str, Any]:
    """The properties or multi-fields of a definition; none where there is something else."""
    found = definition.get(key) if isinstance(definition, dict) else None
    return found if isinstance(found, dict) else {}
