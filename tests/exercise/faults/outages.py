"""Faults that take something away altogether: Elasticsearch, the controller, all pods."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from e2e.kube import ROLLOUTS, group
from e2e.rolling import ROLLOUT
from e2e.waiting import until
from exercise.faults.autoscaler import autoscaler
from exercise.faults.fault import Fault, Scene

_ROLLOUT = group(ROLLOUTS, "rollouts", ROLLOUT)
_CONTROLLER = group("apps/v1", "deployments", "turnout-controller")
_ARGOCD = "argocd-application-controller"


@contextmanager
def _no_elasticsearch(scene: Scene) -> Iterator[float]:
    world = scene.world
    began = time.monotonic()
    world.elastic.stop(kill=True)
    try:
        yield began
    finally:
        world.elastic.start()
        until("searches are answered again", world.answers, seconds=120)


@contextmanager
def _no_pod(scene: Scene) -> Iterator[float]:
    """The autoscaler leaves alone what has none. Argo CD is away, for here the number of pods is in Git."""
    world = scene.world
    world.cluster.kill(_ARGOCD)
    try:
        with autoscaler(world):
            began = time.monotonic()
            world.kube.patch(_ROLLOUT, {"spec": {"replicas": 0}})
            yield began
            until("searches are answered again", world.answers, seconds=120)
    finally:
        world.cluster.restart(_ARGOCD)


@contextmanager
def _no_controller(scene: Scene) -> Iterator[float]:
    """Scaled to none by hand while Argo CD, which would undo it, is away, too."""
    world = scene.world
    world.cluster.kill(_ARGOCD)
    began = time.monotonic()
    world.kube.patch(_CONTROLLER, {"spec": {"replicas": 0}})
    try:
        yield began
    finally:
        world.cluster.restart(_ARGOCD)
    until("a replica leads", lambda: world.prometheus("max(turnout_controller_leader) == 1"), seconds=60)


ELASTICSEARCH = Fault(
    "elasticsearch-stopped",
    "Elasticsearch is killed and stays away",
    # Answers are kept for a minute; then errors are above the burn rate within a minute.
    {"SearchErrorBudgetBurn": 180.0},
    _no_elasticsearch,
    outlast=frozenset({"SearchErrorBudgetBurn"}),  # half an hour, for the burn over six hours
    needs=frozenset({"elasticsearch", "pods", "alias", "rollout"}),
    also=("SearchErrorBudgetSlowBurn", "SearchLatencyBudgetBurn"),
)
NO_POD = Fault(
    "no-ready-pod",
    "somebody scales the search to no pods",
    # A pod that ends goes on answering for a minute at most.
    {"SearchUnavailable": 90.0},
    _no_pod,
    needs=frozenset({"pods", "rollout", "argocd"}),
    uses=frozenset({"elasticsearch"}),
    mends=lambda scene: scene.change("SearchUnavailable", "kubectl patch rollout"),
)
CONTROLLER = Fault(
    "controller-gone",
    "somebody scales the controller to none while Argo CD is away",
    {"ControllerSilent": 60.0},
    _no_controller,
    needs=frozenset({"controller", "argocd"}),
    uses=frozenset({"elasticsearch"}),
    also=("ParityStale",),
    mends=lambda scene: scene.change("ControllerSilent", "kubectl scale"),
)
