"""Faults in single pods: a follower that hangs, a pod that lost its model, one whose model is refused."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from e2e import expect, rolling
from e2e.kube import core, group
from e2e.stories.killing import kill
from e2e.waiting import until, until_told
from e2e.world import World
from exercise.faults.fault import Fault, Scene
from turnout.elastic.views import META_KEY, View
from turnout.kube.objects import VIEW


def stop(world: World, component: str, *, belongs_to: str = "") -> bool:
    """Stop the processes of all running pods of a component, so that they neither end nor answer; whether it had any.

    Args:
        belongs_to: the beginning of the pods' names, to take only those.
    """
    found = [pod for pod in rolling.pods(world.kube, component) if pod["metadata"]["name"].startswith(belongs_to)]
    numbers = [number for pod in found for number in _processes(world, pod)]
    for number in numbers:
        os.kill(number, signal.SIGSTOP)
    return bool(numbers)


def _processes(world: World, pod: dict[str, Any]) -> list[int]:
    """Of the pod's first container, as the machine counts them; none while it doesn't run."""
    status: dict[str, Any] = next(iter(pod["status"].get("containerStatuses", [])), {})
    if "running" not in status.get("state", {}):
        return []
    container = str(status["containerID"]).removeprefix("containerd://")
    layout = world.cluster.layout
    command = [*world.cluster.enter, layout.debian("ctr"), "--address", str(layout.containerd_socket)]
    command += ["--namespace", "k8s.io", "tasks", "ps", container]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return [int(line.split()[0]) for line in done.stdout.splitlines()[1:] if line.split()]


def former(world: World) -> tuple[str, str]:
    """The view that is kept for going back, and the name of its follower.

    Raises:
        LookupError: there is none.
    """
    live = world.reader.alias_targets(world.names.alias)
    for each in world.kube.items(group("apps/v1", "deployments"), labelSelector="app.kubernetes.io/component=follow"):
        view = str(each["metadata"]["annotations"].get(VIEW, ""))
        if view not in live and not each["metadata"].get("deletionTimestamp"):
            return view, str(each["metadata"]["name"])
    raise LookupError("there is no former view: its release has to be promoted over another")


def known(world: World) -> None:
    """Wait until the rules know which collection the stable release serves: they look every five minutes."""
    (live,) = [view for view in expect.live_views(world) if view.index in world.reader.alias_targets(world.names.alias)]
    query = f'turnout:release:serving{{release="{live.meta.built_for}"}}'
    until("the rules know the stable release", lambda: world.prometheus(query), seconds=130)


def _a_pod(world: World) -> dict[str, Any]:
    stable = expect.look(world).stable
    return next(pod for pod in rolling.pods(world.kube, "search", hash_=stable) if rolling.is_ready(pod))


@contextmanager
def _follower(scene: Scene) -> Iterator[float]:
    world = scene.world
    view, name = former(world)
    began = time.monotonic()
    assert stop(world, "follow", belongs_to=f"{name}-"), f"{name} has no running pod"
    yield began
    wanted = f'time() - max(follow_round_timestamp_seconds{{view="{view}"}}) < 30'
    until("the view is followed again", lambda: world.prometheus(wanted), seconds=90)


@contextmanager
def _lost_model(scene: Scene) -> Iterator[float]:
    """The volume is emptied and the container killed: it comes back without a model, and answers by words."""
    world = scene.world
    known(world)
    pod = _a_pod(world)
    volume = world.cluster.layout.run / "kubelet" / "pods" / pod["metadata"]["uid"] / "volumes"
    for model in (volume / "kubernetes.io~empty-dir" / "models").iterdir():
        shutil.rmtree(model)
    began = time.monotonic()
    kill(world, pod)
    yield began
    path = core("pods", pod["metadata"]["name"])
    until("the pod is replaced", lambda: world.kube.get(path) is None, seconds=120)
    until_told("all pods are ready", lambda: _unready(world), seconds=120)


@contextmanager
def _refused_model(scene: Scene) -> Iterator[float]:
    """The stable view's probes are those of another model, as if another had filled it; a pod is replaced."""
    world = scene.world
    known(world)
    (live,) = world.reader.alias_targets(world.names.alias)
    view = next(each for each in world.reader.views(world.names) if each.index == live)
    probes = view.meta.probes
    turned = tuple(
        msgspec.structs.replace(probe, vector=other.vector)
        for probe, other in zip(probes, probes[1:] + probes[:1], strict=True)
    )
    _write_meta(world, view, msgspec.structs.replace(view.meta, probes=turned))
    began = time.monotonic()
    world.kube.delete(core("pods", _a_pod(world)["metadata"]["name"]))
    try:
        yield began
    finally:
        _write_meta(world, view, view.meta)
    until_told("all pods are ready", lambda: _unready(world), seconds=120)


def _write_meta(world: World, view: View, meta: Any) -> None:
    whole = view.mappings["_meta"] | {META_KEY: msgspec.to_builtins(meta)}
    world.writer.put_mapping(view.index, {"_meta": whole})


def _unready(world: World) -> str:
    seen = expect.look(world)
    stable = seen.set_of(seen.stable)
    return "" if stable is not None and stable.ready >= seen.replicas else seen.told()


FOLLOWER = Fault(
    "follower-hangs",
    "the follower of the former view hangs while writes go on",
    # It counts as silent after 300 s without a round.
    {"FollowerSilent": 330.0},
    _follower,
    needs=frozenset({"former"}),
    uses=frozenset({"elasticsearch"}),
    also=("ViewLagging",),
    mends=lambda scene: scene.change("FollowerSilent", "kubectl delete pods"),
)
DEGRADED = Fault(
    "model-lost",
    "a pod's volume with models is lost",
    # The container is back within a minute; half of the searches are more than the 5 % of the last 15 minutes at once.
    {"SearchDegraded": 180.0},
    _lost_model,
    needs=frozenset({"pods"}),
    uses=frozenset({"elasticsearch"}),
    mends=lambda scene: scene.change("SearchDegraded", "kubectl delete pod"),
)
MODEL = Fault(
    "model-refused",
    "a pod's model doesn't give the vectors that its view has",
    {"ModelRefused": 60.0},
    _refused_model,
    needs=frozenset({"pods"}),
    uses=frozenset({"elasticsearch"}),
)
