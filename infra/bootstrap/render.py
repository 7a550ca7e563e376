"""Prints the Kubernetes objects of a stack as YAML, without Pulumi's CLI or provider. Used by tests and the e2e.

`python -m infra.bootstrap.render STACK` in the root of the repository. Argo CD's own objects are not among them: the
provider renders that folder. Exit: 0 printed, 2 unknown stack or a setting that can't be used.
"""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import yaml
from pulumi.runtime import mocks

from .program import build
from .settings import SettingsError, settings_of_stack, unknown_keys

FOLDER = Path(__file__).resolve().parents[1]
PROJECT = "turnout-infra"
ORDER = ("Namespace", "ConfigMap", "ExternalSecret", "AppProject", "Application")


@dataclass
class Recorder(mocks.Mocks):
    """Stands for engine and provider: takes each resource as it would be sent."""

    resources: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)  # (type, name, inputs)

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Keeps the inputs, numbers whole again."""
        inputs = _whole(dict(args.inputs))
        self.resources.append((args.typ, args.name, inputs))
        return f"{args.name}-id", inputs

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        """The program calls no provider function."""
        raise NotImplementedError(args.token)


def recorded(stack: str, folder: Path = FOLDER) -> Recorder:
    """The resources of a stack by its Pulumi.<stack>.yaml. Raises SettingsError."""
    recorder = Recorder()
    mocks.set_mocks(recorder, project=PROJECT, stack=stack, preview=False)
    pulumi.runtime.set_all_config(_config(folder / f"Pulumi.{stack}.yaml"))
    pulumi.runtime.test(lambda: build(settings_of_stack()))()  # type: ignore[no-untyped-call]
    return recorder


def objects(recorder: Recorder) -> list[dict[str, Any]]:
    """The Kubernetes objects among the resources, in the order in which they can be applied."""
    plain = [inputs for _, _, inputs in recorder.resources if {"apiVersion", "kind"} <= inputs.keys()]
    return sorted(plain, key=lambda each: (ORDER.index(each["kind"]), each["metadata"]["name"]))


def _config(path: Path) -> dict[str, str]:
    if not path.exists():
        raise SettingsError(f"there is no {path.name}")
    config = yaml.safe_load(path.read_text())["config"]
    if unknown := unknown_keys(config):
        raise SettingsError(f"{path.name}: no setting is called {', '.join(unknown)}")
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}


def _whole(value: Any) -> Any:
    """Protobuf has one type for numbers: 3 arrives as 3.0, which Kubernetes refuses where it wants an integer."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _whole(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return value


def main(arguments: list[str]) -> int:
    """The command."""
    if len(arguments) != 1:
        print("usage: python -m infra.bootstrap.render STACK", file=sys.stderr)  # noqa: T201 - it is a command
        return 2
    try:
        found = objects(recorded(arguments[0]))
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    yaml.safe_dump_all(found, sys.stdout, sort_keys=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
