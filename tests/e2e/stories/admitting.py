"""Which pods the example policy lets start, asked of the real API server: nothing else evaluates its expressions."""

from __future__ import annotations

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
_REFUSED = "not an allowed repository with a digest (ConfigMap turnout-images)"


def only_digests(world: World) -> Figures:
    """The policy as it is written, but for another namespace: that of the stories runs images by tag."""
    text = (world.source / POLICY).read_text().replace("namespace: turnout\n", f"namespace: {NAMESPACE}\n")
    policy = text.replace("metadata.name: turnout\n", f"metadata.name: {NAMESPACE}\n")
    world.cluster.kubectl("create", "namespace", NAMESPACE)
    try:
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
    world.cluster.kubectl("delete", "configmap", "turnout-images", "-n", NAMESPACE)

    def lets_through() -> str:
        return "" if "no params found" in (seen := _said(world, whole)) else seen

    until_told("without its list nothing starts", lets_through, seconds=30)
    return {"images_refused": len(tried)}


def _said(world: World, spec: dict[str, Any], *, namespace: str = NAMESPACE) -> str:
    """What the API server says of a pod that nobody makes."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tried", "namespace": namespace}, "spec": spec}
    return world.cluster.kubectl("create", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(pod), check=False)


ONLY_DIGESTS = Story(
    "only-digests-start",
    "the example policy for images, in a namespace of its own",
    "pods with images by tag, of other registries or of half a digest are made, each in every place of a pod",
    "each is refused by name, whole digests of listed repositories may start, and without the list nothing may",
    only_digests,
)
