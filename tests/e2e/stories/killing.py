"""Parts that die in the middle of a rollout. Each time the rollout goes on to its end, and nothing is lost."""

from __future__ import annotations

import subprocess
import time
from typing import Any

from e2e import expect, judging, rolling
from e2e.kube import core, group
from e2e.repository import Commit
from e2e.stories import changes
from e2e.stories.story import Figures, Story
from e2e.waiting import until
from e2e.world import World
from turnout.kube.objects import VIEW

AWAY_S = 8.0
"""How long what has no supervisor here stays down."""


def _begin(world: World) -> tuple[Commit, str]:
    """A commit, and the pod template hash that was stable before it."""
    stable = expect.look(world).stable
    return world.commit("Tune the ranking", changes.tuned()), stable


def _on_trial(world: World, commit: Commit) -> None:
    expect.stage(world, commit, expect.has_canary, "it is on trial")


def _promoted(world: World, commit: Commit, *, stable: str, seconds: float = expect.PROMOTION_S) -> Figures:
    """The rollout ends well, and the judge says so."""
    taken = expect.promoted(world, commit, seconds=seconds)
    judged = judging.passed(world, commit, stable=stable, canary=expect.look(world).stable)
    return {"seconds_to_promote": taken, **judged}


def kill(world: World, pod: dict[str, Any]) -> None:
    """Kill -9 the first container of a pod, as the kernel would."""
    container = pod["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
    layout = world.cluster.layout
    command = [*world.cluster.enter, layout.debian("ctr"), "--address", str(layout.containerd_socket)]
    command += ["--namespace", "k8s.io", "tasks", "kill", "--signal", "SIGKILL", container]
    subprocess.run(command, check=True, capture_output=True)


def _came_back(world: World, pod: dict[str, Any], *, seconds: float = 120) -> None:
    """Wait until the pod's container was started again and the pod is ready."""
    path = core("pods", pod["metadata"]["name"])
    before = int(pod["status"]["containerStatuses"][0]["restartCount"])

    def is_back() -> bool:
        found = world.kube.get(path)
        statuses = found["status"].get("containerStatuses", []) if found else []
        return bool(statuses) and int(statuses[0]["restartCount"]) > before and rolling.is_ready(found or {})

    until(f"{pod['metadata']['name']} is back", is_back, seconds=seconds)


def controller(world: World) -> Figures:
    """The leader, before the release is ready: the other replica must take over and bring it there."""
    commit, stable = _begin(world)
    expect.stage(world, commit, lambda seen: seen.canary is not None, "its ReplicaSet is there", seconds=60)
    lease = world.kube.get(group("coordination.k8s.io/v1", "leases", "turnout-controller"))
    holder = str(lease["spec"]["holderIdentity"]) if lease else ""
    leader = next(pod for pod in rolling.pods(world.kube, "controller") if pod["metadata"]["name"] in holder)
    kill(world, leader)
    figures = _promoted(world, commit, stable=stable)
    _came_back(world, leader)
    return figures


def follower(world: World) -> Figures:
    """The one that keeps the live view up to date."""
    commit, stable = _begin(world)
    _on_trial(world, commit)
    (live,) = world.reader.alias_targets(world.names.alias)
    deployments = world.kube.items(group("apps/v1", "deployments"), labelSelector="app.kubernetes.io/component=follow")
    name = next(
        str(each["metadata"]["name"]) for each in deployments if each["metadata"]["annotations"].get(VIEW) == live
    )
    pods = [pod for pod in rolling.pods(world.kube, "follow") if pod["metadata"]["name"].startswith(f"{name}-")]
    kill(world, pods[0])
    return _promoted(world, commit, stable=stable)


def service_pod(world: World) -> Figures:
    """One that carries users' traffic."""
    commit, stable = _begin(world)
    _on_trial(world, commit)
    victim = next(pod for pod in rolling.pods(world.kube, "search", hash_=stable) if rolling.is_ready(pod))
    kill(world, victim)
    return _promoted(world, commit, stable=stable)


def elasticsearch(world: World) -> Figures:
    """All searches and all writes depend on it; what was acknowledged must be there afterwards."""
    commit, stable = _begin(world)
    _on_trial(world, commit)
    began = time.monotonic()
    with world.outage():
        world.elastic.stop(kill=True)
        time.sleep(AWAY_S)
        world.elastic.start()
        until("searches are answered again", world.answers, seconds=120)
    down = round(time.monotonic() - began, 1)
    return {**_promoted(world, commit, stable=stable, seconds=300), "seconds_down": down}


def api_server(world: World) -> Figures:
    """Nobody can change anything meanwhile; users notice nothing."""
    commit, stable = _begin(world)
    _on_trial(world, commit)
    began = time.monotonic()
    world.cluster.kill("kube-apiserver")
    time.sleep(AWAY_S)
    world.cluster.restart("kube-apiserver")
    down = round(time.monotonic() - began, 1)
    return {**_promoted(world, commit, stable=stable, seconds=300), "seconds_down": down}


_GIVEN = "a query-only release on its way, under load"

KILL_CONTROLLER = Story(
    "controller-killed",
    _GIVEN,
    "the leading controller is killed before the release is verified",
    "the other replica takes over, and the release is promoted",
    controller,
)
KILL_FOLLOWER = Story(
    "follower-killed",
    _GIVEN,
    "the follower of the live view is killed",
    "it goes on from its checkpoint, no write is missing, and the release is promoted",
    follower,
)
KILL_SERVICE = Story(
    "service-pod-killed",
    _GIVEN,
    "a pod that serves users is killed",
    "no search fails for longer than one repetition, and the release is promoted",
    service_pod,
)
KILL_ELASTICSEARCH = Story(
    "elasticsearch-killed",
    _GIVEN,
    "Elasticsearch is killed and comes back",
    "no acknowledged write is lost, the canary isn't blamed, and the release is promoted",
    elasticsearch,
)
KILL_API_SERVER = Story(
    "api-server-killed",
    _GIVEN,
    "the API server is killed and comes back",
    "users notice nothing, and the release is promoted",
    api_server,
)
