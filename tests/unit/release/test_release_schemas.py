"""The JSON Schemas, the types and both validators say the same."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
import types
import zipfile
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import jsonschema
import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from support.artifact_files import GATES, MODEL, OVERRIDES, PIPELINE, POLICY, POLICY_TEXT, QUARANTINE, TEXTS
from turnout.release.artifacts import Gates, Model, Overrides, Pipeline, Policy, Quarantine
from turnout.release.document import Document, Places
from turnout.release.schema import Kind, accepts, convert, definition, findings

KINDS: dict[Kind, type] = {
    "model": Model,
    "pipeline": Pipeline,
    "gates": Gates,
    "overrides": Overrides,
    "quarantine": Quarantine,
    "policy": Policy,
}
FILES: dict[Kind, str] = {
    "model": MODEL,
    "pipeline": PIPELINE,
    "gates": GATES,
    "overrides": OVERRIDES,
    "quarantine": QUARANTINE,
    "policy": POLICY,
}
ALWAYS_SAID = {"apiVersion", "kind"}
VALID: dict[Kind, Any] = {
    kind: yaml.safe_load(re.sub(r"(\d{4}-\d\d-\d\d)", r'"\1"', (TEXTS | {POLICY: POLICY_TEXT})[file]))
    for kind, file in FILES.items()
}
SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean"}


def document(value: Any) -> Document:
    return Document("x.yaml", value, lambda: Places({}, {}))


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_a_schema(kind: Kind) -> None:
    jsonschema.Draft202012Validator.check_schema(definition(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_schema_and_type_have_the_same_fields(kind: Kind) -> None:
    _same(definition(kind), KINDS[kind], kind)


def _same(schema: dict[str, Any], wanted: Any, where: str) -> None:
    assert schema.get("description"), f"{where} has no description"
    if msgspec.UnsetType in get_args(wanted):  # may be left out, and then isn't written down either
        (wanted,) = (kind for kind in get_args(wanted) if kind is not msgspec.UnsetType)
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        fields = msgspec.structs.fields(wanted)
        assert schema["additionalProperties"] is False, where
        assert set(schema["properties"]) == {field.encode_name for field in fields}, where
        needed = {field.encode_name for field in fields if field.required or field.encode_name in ALWAYS_SAID}
        assert set(schema["required"]) == needed, where
        for field in fields:
            inner = schema["properties"][field.encode_name]
            _same(inner, field.type, f"{where}.{field.encode_name}")
            if field.encode_name not in needed:
                assert inner.get("default") == _default(field), f"{where}.{field.encode_name}"
    elif get_origin(wanted) is Literal:
        assert set(schema.get("enum", [schema.get("const")])) == set(get_args(wanted)), where
    elif get_origin(wanted) is dict:
        _same(schema["additionalProperties"], get_args(wanted)[1], f"{where}.*")
    elif get_origin(wanted) is list:
        _same(schema["items"], get_args(wanted)[0], f"{where}[]")
    else:
        assert get_origin(wanted) not in (Union, types.UnionType), where
        assert schema["type"] == SCALARS[wanted], where
        _bounded(schema, where)


def _bounded(schema: dict[str, Any], where: str) -> None:
    """Numbers end somewhere, so infinity and what no index takes are refused; so does text."""
    if schema["type"] in ("integer", "number"):
        assert "maximum" in schema, where
        assert "minimum" in schema or "exclusiveMinimum" in schema, where
    elif schema["type"] == "string":
        assert "maxLength" in schema, where


def _default(field: msgspec.structs.FieldInfo) -> Any:
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    return None if value is msgspec.UNSET else msgspec.to_builtins(value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_valid_file_takes_the_fast_path_and_fits_its_type(kind: Kind) -> None:
    assert accepts(kind, VALID[kind])
    value, found = convert(kind, document(VALID[kind]), KINDS[kind])
    assert isinstance(value, KINDS[kind])
    assert not found


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(
        ["USD\n", "sha256:" + "0" * 64 + "\n", "mean", "onnx", "2026-01-01\n", "é" * 300, 10.0, -0.0, 2**64]
    ),
)
JUNK = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def _spots(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [spot for key, inner in pairs for spot in ((*path, key), *_spots(inner, (*path, key)))]


def _mutate(data: st.DataObject, value: Any) -> Any:
    value = copy.deepcopy(value)
    for _ in range(data.draw(st.integers(1, 2))):
        *outer, last = data.draw(st.sampled_from(_spots(value)))
        owner = value
        for key in outer:
            owner = owner[key]
        change = data.draw(st.sampled_from(["replace", "drop", "add", "rename"]))
        if change == "drop":
            del owner[last]
        elif change == "add" and isinstance(owner, dict):
            owner[data.draw(st.text(max_size=8))] = data.draw(JUNK)
        elif change == "rename" and isinstance(owner, dict):
            owner[data.draw(st.sampled_from(["a b", "x\n", "title", "dims", "a.b", ""]))] = owner.pop(last)
        else:
            owner[last] = data.draw(JUNK)
        if not _spots(value):
            break
    return value


@settings(max_examples=400, deadline=None, derandomize=True)
@given(data=st.data())
def test_both_validators_agree_on_spoiled_documents(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(KINDS)))
    value = _mutate(data, VALID[kind])
    assert accepts(kind, value) == (not findings(kind, document(value)))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(data=st.data())
def test_what_is_refused_has_a_finding_and_what_is_accepted_has_a_value(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(KINDS)))
    value, found = convert(kind, document(_mutate(data, VALID[kind])), KINDS[kind])
    assert (value is None) == bool(found)


def test_a_disagreement_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout.release.schema.accepts", lambda *_: False)
    value, found = convert("model", document(VALID["model"]), Model)
    assert value is None
    assert [finding.rule for finding in found] == ["schema"]


def test_the_package_carries_the_schemas(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        for kind in KINDS:
            packed = json.loads(wheel.read(f"turnout/release/definitions/{kind}.schema.json"))
            assert packed == definition(kind)
