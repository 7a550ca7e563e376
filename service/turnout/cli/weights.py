"""The canary's steps as they come out with so many pods, for `turnout plan`; read from the manifests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from turnout.plan.weights import real_weights

_FOLDER = Path("manifests/search")


def weight_lines(root: Path) -> list[str]:
    """One line for each step's weight: what is asked and what the share of pods makes of it.

    None where the repository has no manifests, where a traffic router gives exact weights, or where they can't be read:
    the plan is about the collection, and `make test` is what judges manifests.
    """
    try:
        objects = [each for path in sorted((root / _FOLDER).glob("*.yaml")) for each in _documents(path)]
        rollout = next(each for each in objects if each.get("kind") == "Rollout")["spec"]
        canary = rollout["strategy"]["canary"]
        pods = rollout.get("replicas") or _least(objects)
        weights = [int(step["setWeight"]) for step in canary["steps"] if "setWeight" in step]
        if "trafficRouting" in canary:
            return []
        shares = real_weights(pods, weights, surge=str(canary.get("maxSurge", 1)) != "0")
    except (OSError, yaml.YAMLError, StopIteration, KeyError, TypeError, ValueError, AttributeError):
        return []
    return [
        f"weight {asked} % is {mine} of {mine + others} pods, {mine / (mine + others):.0%} of the searches"
        for asked, (mine, others) in zip(weights, shares, strict=True)
        if mine + others
    ]


def _documents(path: Path) -> Iterator[dict[str, Any]]:
    for document in yaml.safe_load_all(path.read_text()):
        if isinstance(document, dict):
            yield document


def _least(objects: list[dict[str, Any]]) -> int:
    """The pods that the autoscaler keeps at least."""
    return int(next(each for each in objects if each.get("kind") == "HorizontalPodAutoscaler")["spec"]["minReplicas"])
