"""Which pods the example policy lets start, asked of the real API server: nothing else evaluates its expressions."""

from __future__ import annotations

import json
from typing import Any

import yaml

from e2e.stories.story import Figures, Story
from e2e.waiting import until_told
from e2e.world import World

POLICY = "manifests/examples/admission/digests.yaml"
NAMESPACE = "admitting"
_DIGEST = "@sha256:" + "0123456789abcdef" * 4
GOOD = f"registry.example/turnout{_DIGEST}"
BAD = (
    "registry.example/turnout:1.0",
    f"registry.example/turnout:1.0{_DIGEST}",
    f"registry.elsewhere/turnout{_DIGEST}",
    f"registry.example/turnout-evil{_DIGEST}",  # begins like an allowed one
    GOOD[:-1],
)
_EARLIER = ("pod", "earlier", "-n", NAMESPACE)
_DEBUGGER = {"name": "debugger", "image": BAD[2], "targetContainerName": "c"}
_REFUSED = "not an allowed repository with a digest (ConfigMap turnout-images)"


def only_digests(world: World) -> Figures:
    """The policy as it is written, but for another namespace: that of the stories runs images by tag."""
    text = (world.source / POLICY).read_text().replace("namespace: turnout\n", f"namespace: {NAMESPACE}\n")
    policy = text.replace("metadata.name: turnout\n", f"metadata.name: {NAMESPACE}\n")
    world.cluster.kubectl("create", "namespace", NAMESPACE)
    try:
        world.cluster.kubectl("wait", "serviceaccount/default", "-n", NAMESPACE, "--for=create", "--timeout=30s")
        world.cluster.kubectl("create", "-f", "-", stdin=yaml.safe_dump(_earlier()))
        world.cluster.kubectl("apply", "--server-side", "--validate=strict", "-f", "-", stdin=policy)
        return _asked(world)
    finally:
        world.cluster.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=policy, check=False)
        world.cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def _asked(world: World) -> Figures:
    wrong = {"containers": [{"name": "x", "image": BAD[0]}]}
    until_told("the policy is enforced", lambda: "" if _REFUSED in _said(world, wrong) else "not yet", seconds=30)
    whole = {
        "containers": [{"name": "c", "image": GOOD}],
        "initContainers": [{"name": "i", "image": GOOD}],
        "volumes": [{"name": "models", "image": {"reference": f"registry.example/turnout-models{_DIGEST}"}}],
    }
    said = _said(world, whole)
    assert "created (server dry run)" in said, f"digests of allowed repositories are refused: {said}"
    tried = [(place, image) for place in whole for image in BAD]
    for place, image in tried:
        changed = {"reference": image} if place == "volumes" else image
        said = _said(world, whole | {place: [{"name": "x", "image": changed}]})
        assert _REFUSED in said, f"{place} with {image}: {said}"
        assert image in said, f"{place}: the refusal doesn't name {image}: {said}"
    assert "created" in _said(world, wrong, namespace="default"), "another namespace is held to it"
    _keeps_what_is_there(world)
    world.cluster.kubectl("delete", "configmap", "turnout-images", "-n", NAMESPACE)

    def lets_through() -> str:
        return "" if "no params found" in (seen := _said(world, whole)) else seen

    until_told("without its list nothing starts", lets_through, seconds=30)
    return {"images_refused": len(tried)}


def _keeps_what_is_there(world: World) -> None:
    """A pod from before the policy may be labelled and ended; its images are looked at again when they change."""
    world.cluster.kubectl("label", *_EARLIER, "seen=yes")
    for place, changed in (("containers", {"name": "c", "image": BAD[1]}), ("ephemeralContainers", _DEBUGGER)):
        which = ("--subresource=ephemeralcontainers",) if place == "ephemeralContainers" else ()
        patch = json.dumps({"spec": {place: [changed]}})
        said = world.cluster.kubectl("patch", *_EARLIER, *which, "--type=strategic", "--patch", patch, check=False)
        assert _REFUSED in said, f"{place} of a running pod: {said}"
    # A Job's pod is held by this, and the Job with it: were it refused, neither would ever end.
    world.cluster.kubectl("patch", *_EARLIER, "--type=merge", "--patch", '{"metadata": {"finalizers": null}}')


def _earlier() -> dict[str, Any]:
    """A pod that was made before the policy, as a Job's."""
    metadata = {"name": "earlier", "namespace": NAMESPACE, "finalizers": ["batch.kubernetes.io/job-tracking"]}
    # No node has this label, so nothing is started.
    spec = {"containers": [{"name": "c", "image": BAD[0]}], "nodeSelector": {"turnout.dev/nowhere": "true"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _said(world: World, spec: dict[str, Any], *, namespace: str = NAMESPACE) -> str:
    """What the API server says of a pod that nobody makes."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tried", "namespace": namespace}, "spec": spec}
    return world.cluster.kubectl("create", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(pod), check=False)


ONLY_DIGESTS = Story(
    "only-digests-start",
    "the example policy for images, in a namespace of its own",
    "pods with images by tag, of other registries or of half a digest are made, each in every place of a pod",
    "each is refused by name, whole digests of listed repositories may start, without the list nothing may, and a pod "
    "from before may still be labelled and ended",
    only_digests,
)
