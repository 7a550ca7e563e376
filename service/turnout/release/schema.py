"""Hold a value against the schema of its kind: one quick answer for valid files, findings for the others.

jsonschema-rs answers yes or no some 300 times faster; jsonschema says where and why. A test holds the two together;
should they ever disagree, the value is refused. Called by `checking`.
"""

from __future__ import annotations

import json
import pkgutil
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import jsonschema_rs
import msgspec

from turnout.release.document import Document
from turnout.release.findings import Finding, Path, shown

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

Kind = Literal["model", "pipeline", "gates", "overrides", "quarantine", "policy"]
Value = TypeVar("Value")

_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "object": "an object (`name: value` lines)",
    "array": "a list",
}


@cache
def definition(kind: Kind) -> dict[str, Any]:
    """The JSON Schema of a kind of artifact."""
    data = pkgutil.get_data("turnout.release", f"definitions/{kind}.schema.json")
    if data is None:
        raise FileNotFoundError(f"definitions/{kind}.schema.json")
    schema: dict[str, Any] = json.loads(data)
    return schema


@cache
def _is_valid(kind: Kind) -> Callable[[Any], bool]:
    valid: Callable[[Any], bool] = jsonschema_rs.validator_for(definition(kind)).is_valid
    return valid


def accepts(kind: Kind, value: Any) -> bool:
    """The quick answer."""
    try:
        return _is_valid(kind)(value)
    except (TypeError, ValueError):  # text that isn't Unicode, numbers that no machine has
        return False


def convert(kind: Kind, document: Document, into: type[Value]) -> tuple[Value | None, list[Finding]]:
    """The typed value of a document, or the findings that stand against it."""
    if accepts(kind, document.value):
        try:
            return msgspec.convert(document.value, into), []
        except msgspec.ValidationError as error:
            return None, [_mistyped(kind, document, error)]
    found = findings(kind, document)
    if not found:
        found = [document.finding((), "schema", f"not a valid {kind}", "compare it with schemas/definitions")]
    return None, found


def findings(kind: Kind, document: Document) -> list[Finding]:
    """All that the schema has against a document, in the order of the file."""
    errors = _validator(kind).iter_errors(document.value)
    return sorted(finding for error in errors for finding in _explain(document, error))


@cache
def _validator(kind: Kind) -> Validator:
    from jsonschema import Draft202012Validator, ValidationError, validators

    def pattern(validator: Any, wanted: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
        # In Python `$` also matches before a newline at the end; in JSON Schema it doesn't.
        if validator.is_type(instance, "string") and not re.search(re.sub(r"\$$", r"\\Z", wanted), instance):
            yield ValidationError(f"{shown(instance)} does not match {wanted}")

    extended: type[Validator] = validators.extend(Draft202012Validator, {"pattern": pattern})  # type: ignore[no-untyped-call]
    return extended(definition(kind))


def _explain(document: Document, error: ValidationError) -> Iterator[Finding]:
    path: Path = tuple(error.absolute_path)
    schema: Any = error.schema
    instance: Any = error.instance
    match error.validator:
        case "additionalProperties":
            for name in set(instance) - set(schema["properties"]):
                yield _unknown(document, (*path, name), list(schema["properties"]))
        case "required":
            yield from _missing(document, path, error)
        case "type":
            problem = f"{shown(instance)} is not {_TYPES[schema['type']]}"
            yield document.finding(path, "wrong-type", problem, _remedy(path, schema))
        case "const" | "enum":
            yield _not_allowed(document, path, error)
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            problem = f"{shown(instance)} is out of range"
            yield document.finding(path, "out-of-range", problem, _remedy(path, schema))
        case _ if "propertyNames" in error.absolute_schema_path:
            problem = f"{shown(instance)} is not a field name"
            remedy = "write letters, digits, _, - and @, with dots between the parts"
            yield document.finding((*path, instance), "bad-name", problem, remedy, at_key=True)
        case _:
            problem = f"{shown(instance)} is not as it must be ({error.validator} {shown(error.validator_value)})"
            yield document.finding(path, "bad-value", problem, _remedy(path, schema))


def _unknown(document: Document, path: Path, known: list[str]) -> Finding:
    from difflib import get_close_matches

    near = get_close_matches(str(path[-1]), known, n=1)
    remedy = f"did you mean `{near[0]}`?" if near else f"drop it; known here: {', '.join(known)}"
    return document.finding(path, "unknown-key", f"unknown key {shown(path[-1])}", remedy, at_key=True)


def _missing(document: Document, path: Path, error: ValidationError) -> Iterator[Finding]:
    # jsonschema gives one error for each missing name and says which only in its message.
    name = re.findall(r"'([^']*)' is a required property", error.message)[-1]
    schema: Any = error.schema
    where = _owner(path)
    remedy = f"add `{name}`: {schema['properties'][name].get('description', '')}".rstrip(".: ")
    yield document.finding(path, "missing-key", f"{where} lacks `{name}`", remedy, at_key=True)


def _owner(path: Path) -> str:
    if not path:
        return "the file"
    return f"`{path[-1]}`" if isinstance(path[-1], str) else f"entry {path[-1] + 1} of `{path[-2]}`"


def _not_allowed(document: Document, path: Path, error: ValidationError) -> Finding:
    from difflib import get_close_matches

    schema: Any = error.schema
    allowed = schema.get("enum", [schema.get("const")])
    near = get_close_matches(str(error.instance), allowed, n=1)
    remedy = f"did you mean `{near[0]}`?" if near and len(allowed) > 1 else _remedy(path, schema)
    return document.finding(path, "not-allowed", f"{shown(error.instance)} is not one of the known values", remedy)


def _remedy(path: Path, schema: dict[str, Any]) -> str:
    name = next((part for part in reversed(path) if isinstance(part, str)), "the file")
    return f"write {_wanted(schema)}; {name}: {schema.get('description', '')}".rstrip(".: ")


def _wanted(schema: dict[str, Any]) -> str:
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    wanted = _TYPES[schema["type"]]
    above, least = schema.get("exclusiveMinimum"), schema.get("minimum")
    if schema["type"] in ("integer", "number"):
        low = f"above {above}" if above is not None else f"from {least}"
        return f"{wanted} {low} to {schema['maximum']}, without a unit"
    if schema["type"] == "string" and "pattern" in schema:
        return f"text that matches {schema['pattern']}"
    if schema["type"] == "string":
        low, high = schema.get("minLength", 0), schema["maxLength"]
        return f"text of {low} to {high} characters, in quotes if it looks like a number"
    return wanted


def _mistyped(kind: Kind, document: Document, error: msgspec.ValidationError) -> Finding:
    """The one thing that JSON Schema lets pass and the types don't: 10.0 for a whole number."""
    problem, _, where = str(error).partition(" - at `$")
    names = re.findall(r"\.(\w+)|\[(\d+)\]", where)
    path = tuple(name or int(number) for name, number in names)
    return document.finding(path, "wrong-type", problem, f"write it as schemas/definitions/{kind}.schema.json says")
