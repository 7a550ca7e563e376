"""The autoscaler that production has and the stories' overlay hasn't, for commands of the runbook that ask it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import orjson

from e2e.world import World
from support.workspace import COLLECTION

PODS = 3  # as many as manifests/overlays/ephemeral asks for
_NAME = f"search-{COLLECTION}"


@contextmanager
def autoscaler(world: World) -> Iterator[None]:
    """It keeps the least number of pods; without metrics it does nothing else."""
    target = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": _NAME}
    made = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": _NAME, "namespace": "turnout"},
        "spec": {"scaleTargetRef": target, "minReplicas": PODS, "maxReplicas": 10},
    }
    world.cluster.kubectl("apply", "-f", "-", stdin=orjson.dumps(made).decode())
    try:
        yield
    finally:
        world.cluster.kubectl("delete", "hpa", _NAME, "-n", "turnout", "--ignore-not-found", check=False)
