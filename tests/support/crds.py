"""Objects held against the CRDs of the pinned versions, strictly: an unknown field is an error, as on the server."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from support.go_modules import (
    ARGO_CD,
    ARGO_ROLLOUTS,
    EXTERNAL_SECRETS,
    GATEWAY_API,
    POLICY_CONTROLLER,
    PROMETHEUS_OPERATOR,
    module_folder,
)

FOLDERS = (
    (ARGO_CD, "manifests/crds", "*.yaml"),
    (ARGO_ROLLOUTS, "manifests/crds", "*.yaml"),
    (EXTERNAL_SECRETS, "config/crds/bases", "*.yaml"),
    (GATEWAY_API, "config/crd/standard", "gateway.*_httproutes.yaml"),
    (POLICY_CONTROLLER, "config", "300-clusterimagepolicy.yaml"),
    (PROMETHEUS_OPERATOR, "example/prometheus-operator-crd", "*_podmonitors.yaml"),
    (PROMETHEUS_OPERATOR, "example/prometheus-operator-crd", "*_prometheusrules.yaml"),
)

# The server knows these for every kind; not every CRD names them.
_EVERY_OBJECT = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}


def crd_errors(document: dict[str, Any]) -> list[str]:
    """What is wrong with a custom resource, one line for each mistake; LookupError where its CRD isn't pinned here."""
    errors = Draft202012Validator(_schema(document)).iter_errors(document)
    return sorted(f"{'.'.join(str(part) for part in error.absolute_path)}: {error.message}" for error in errors)


def filled_in(document: dict[str, Any]) -> list[str]:
    """The fields that a CRD's defaults would add to a custom resource, such as `spec.rules.0.matches`."""
    return list(_missing(_schema(document), document, ""))


def _missing(schema: dict[str, Any], value: Any, place: str) -> Iterator[str]:
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for number, each in enumerate(value):
            yield from _missing(schema["items"], each, f"{place}{number}.")
    for name, part in schema.get("properties", {}).items() if isinstance(value, dict) else ():
        if name in value:
            yield from _missing(part, value[name], f"{place}{name}.")
        elif "default" in part:
            yield f"{place}{name}"


def _schema(document: dict[str, Any]) -> dict[str, Any]:
    group, _, version = document["apiVersion"].partition("/")
    schema = _schemas(group).get((version, document["kind"]))
    if schema is None:
        raise LookupError(f"no CRD for {document['apiVersion']} {document['kind']}")
    return schema


@cache
def _schemas(group: str) -> dict[tuple[str, str], dict[str, Any]]:
    found = {}
    for module, folder, files in FOLDERS:
        for path in sorted((module_folder(module) / folder).glob(files)):
            crd = _crd(path)
            if crd and crd["spec"]["group"] == group:
                for version in crd["spec"]["versions"]:
                    schema = strict(version["schema"]["openAPIV3Schema"])
                    schema["properties"] = _EVERY_OBJECT | schema["properties"]
                    found[version["name"], crd["spec"]["names"]["kind"]] = schema
    return found


@cache
def _crd(path: Path) -> dict[str, Any] | None:
    document = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    return document if document.get("kind") == "CustomResourceDefinition" else None


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """A structural schema as JSON Schema that refuses unknown fields where the API server would prune them."""
    new = {key: value for key, value in schema.items() if not key.startswith("x-")}
    if schema.get("nullable"):
        new["type"] = [schema["type"], "null"]
    if schema.get("x-kubernetes-int-or-string"):
        new["type"] = ["integer", "string"]
        new.pop("anyOf", None)
    if "properties" in schema:
        new["properties"] = {name: _field(name, part) for name, part in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields") and "additionalProperties" not in schema:
            new["additionalProperties"] = False
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            new[key] = strict(schema[key])
    return new


def _field(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """`metadata` has no schema in a CRD: the API server knows it."""
    return {"type": "object"} if name == "metadata" and "properties" not in schema else strict(schema)
