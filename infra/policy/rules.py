"""The rules that hurt when broken, each over one resource. Run by Pulumi's engine; tests ask the pack as it does."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pulumi_policy import ResourceValidationArgs, ResourceValidationPolicy

Report = Callable[..., None]  # takes what is wrong
SECURITY = "pod-security.kubernetes.io"
VERSION = re.compile(r"v?\d+\.\d+\.\d+", re.ASCII)
OUR_PROJECT = "turnout-root"  # the one that follows a branch: that is what Git is for


def _objects(args: ResourceValidationArgs, kind: str) -> Iterator[Mapping[str, Any]]:
    if args.resource_type.startswith("kubernetes:") and args.resource_type.endswith(f":{kind}"):
        yield args.props


def _spec(props: Mapping[str, Any]) -> Mapping[str, Any]:
    return props.get("spec") or {}


def _sources(props: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    spec = _spec(props)
    return [*(spec.get("sources") or []), *([spec["source"]] if spec.get("source") else [])]


def _namespace(args: ResourceValidationArgs, report: Report) -> None:
    for props in _objects(args, "Namespace"):
        labels = (props.get("metadata") or {}).get("labels") or {}
        if labels.get(f"{SECURITY}/enforce") not in {"restricted", "baseline"}:
            report("the namespace enforces no pod security: label it restricted, or baseline with a reason")
        if not re.fullmatch(r"v1\.\d+", labels.get(f"{SECURITY}/enforce-version", "")):
            report("the pod security version floats: an upgrade of the cluster would refuse pods that run today")


def _version(args: ResourceValidationArgs, report: Report) -> None:
    for props in _objects(args, "Application"):
        for source in _sources(props):
            revision = str(source.get("targetRevision") or "")
            floating = not revision or revision == "HEAD" or any(sign in revision for sign in "*^~<>")
            ours = _spec(props).get("project") == OUR_PROJECT and "chart" not in source
            if floating or not (ours or VERSION.fullmatch(revision)):
                report(f"{source.get('repoURL')} is at {revision or 'no revision'}: name one version")
            for image in (source.get("kustomize") or {}).get("images") or []:
                _image(str(image), report)
    for props in [*_objects(args, "Release"), *_objects(args, "Chart")]:
        if not VERSION.fullmatch(str(props.get("version") or "")):
            report(f"chart {props.get('chart')} has no exact version")
    for props in _objects(args, "Directory"):
        directory = str(props.get("directory") or "")
        if "://" in directory and not re.search(r"/tree/v?\d+\.\d+\.\d+/", directory):
            report(f"{directory} names no tag")


def _image(image: str, report: Report) -> None:
    tag = image.rpartition("/")[2].partition(":")[2]
    if "@sha256:" not in image and (not tag or tag == "latest"):
        report(f"image {image} floats: name a tag or a digest")


def _project(args: ResourceValidationArgs, report: Report) -> None:
    for props in _objects(args, "Application"):
        if _spec(props).get("project") in {None, "", "default"}:
            report("the Application is in no project of its own: `default` allows everything")
    for props in _objects(args, "AppProject"):
        for place in _wildcards(_spec(props)):
            report(f"{place}: a wildcard; name what is meant")
        if not _spec(props).get("namespaceResourceWhitelist"):
            report("namespaceResourceWhitelist is missing: then every kind is allowed")


def _wildcards(value: Any, place: str = "spec") -> Iterator[str]:
    if isinstance(value, str):
        if "*" in value:
            yield place
    elif hasattr(value, "keys"):  # Pulumi hands over views that are neither dict nor list
        for key in value.keys():  # noqa: SIM118
            if key != "description":
                yield from _wildcards(value[key], f"{place}.{key}")
    elif hasattr(value, "__len__"):
        for number, each in enumerate(value):
            yield from _wildcards(each, f"{place}[{number}]")


def _sync(args: ResourceValidationArgs, report: Report) -> None:
    for props in _objects(args, "Application"):
        policy = _spec(props).get("syncPolicy") or {}
        automated = policy.get("automated")
        if automated is None:
            continue
        for rule in ("prune", "selfHeal"):
            if automated.get(rule) is None:
                report(f"automated sync doesn't say {rule}: true or false")
        retry = policy.get("retry") or {}
        if not retry.get("refresh") or not retry.get("limit"):
            report("a failed commit would hold up its revert: retry with refresh and a limit above 0")


def _secret(args: ResourceValidationArgs, report: Report) -> None:
    for props in _objects(args, "Secret"):
        if props.get("data") or props.get("stringData"):
            report("a secret's value in the program ends in its state: refer to it by name")


POLICIES = [
    ResourceValidationPolicy(
        name="namespace-pod-security", description="Namespaces enforce a pinned standard", validate=_namespace
    ),
    ResourceValidationPolicy(name="exact-version", description="Nothing floats", validate=_version),
    ResourceValidationPolicy(
        name="narrow-project", description="Applications have a project without wildcards", validate=_project
    ),
    ResourceValidationPolicy(name="stated-sync", description="Automated sync says what it does", validate=_sync),
    ResourceValidationPolicy(name="no-plain-secret", description="Secrets are referred to", validate=_secret),
]
