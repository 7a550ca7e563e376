"""`turnout model`: prepare a model for the torch-free runtimes, show what the store holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from turnout.release.artifacts import Model

_FORMAT = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)


@click.group("model")
def command() -> None:
    """Prepare a model for the torch-free runtimes, or show its identity.

    \b
    turnout model prepare all-minilm-l6-v2
    turnout model prepare ./my-encoder --format json
    turnout model prepare --static-from all-minilm-l6-v2 --dims 256
    turnout model show
    """


@command.command("prepare")
@click.argument("source", required=False)
@click.option("--static-from", metavar="MODEL", help="Distil a static model from this folder, digest or alias instead.")
@click.option("--dims", type=click.IntRange(min=1), default=256, show_default=True, help="With --static-from.")
@_FORMAT
def prepare_command(source: str | None, static_from: str | None, dims: int, form: str) -> None:
    """Put the model of SOURCE into the store and print its lines for model.yaml.

    SOURCE is a folder in sentence-transformers layout with a BERT-family encoder, or the alias of an installed
    package that carries one (all-minilm-l6-v2). Nothing is downloaded. A model that the store has is left as it is.

    \b
    turnout model prepare all-minilm-l6-v2
    turnout model prepare --static-from all-minilm-l6-v2 --dims 256
    """
    if (source is None) == (static_from is None):
        raise click.UsageError("Give either SOURCE or --static-from.")
    from turnout.cli.settings import from_environment
    from turnout.embedding import prepare

    store = from_environment().models
    if source is not None:
        folder = prepare.prepare(prepare.source_folder(source), store)
    else:
        teacher = prepare.prepare(_teacher(str(static_from), store), store)
        folder = _distil(teacher, store, dims)
    _print([folder], form)


@command.command("show")
@click.argument("model", required=False)
@_FORMAT
def show_command(model: str | None, form: str) -> None:
    """Print the models of the store as lines for model.yaml, or only MODEL (a folder, or a digest's first digits).

    Digests are computed from the files as they are now.

    \b
    turnout model show
    turnout model show 53aa51172d14 --format json
    """
    from turnout.cli.settings import from_environment

    store = from_environment().models
    folders = (
        [_in_store(model, store)] if model else [path for path in sorted(store.glob("[0-9a-f]*")) if path.is_dir()]
    )
    if not folders:
        click.echo(f"no models in {store}; `turnout model prepare` puts one there", err=True)
    _print(folders, form)


def _teacher(name: str, store: Path) -> Path:
    from turnout.embedding.prepare import source_folder
    from turnout.errors import BadInput

    try:
        return _in_store(name, store)
    except BadInput:
        return source_folder(name)


def _in_store(name: str, store: Path) -> Path:
    from turnout.errors import BadInput

    digits = name.removeprefix("sha256:")
    found = sorted(store.glob(f"{digits}*")) if digits and set(digits) <= set("0123456789abcdef") else []
    if Path(name).is_dir():
        found = [Path(name)]
    if len(found) != 1:
        raise BadInput(
            f"{len(found)} models of the store begin with this digest" if found else "no such model in the store",
            where=name,
            remedy="See `turnout model show` for what there is.",
        )
    return found[0]


def _distil(teacher: Path, store: Path, dims: int) -> Path:
    from rich.console import Console
    from rich.progress import Progress

    from turnout.embedding.prepare import distil_static

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("vocabulary", total=None)
        return distil_static(
            teacher, store, dims=dims, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )


def _print(folders: list[Path], form: str) -> None:
    import orjson
    import yaml

    from turnout.embedding.prepare import model_of

    found = [{"folder": str(folder), "model": _written(model_of(folder))} for folder in folders]
    if form == "json":
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
        return
    for entry in found:
        click.echo(f"# {entry['folder']}\n{yaml.safe_dump(entry['model'], sort_keys=False)}")


def _written(model: Model) -> dict[str, Any]:
    import msgspec

    value: dict[str, Any] = msgspec.to_builtins(model)
    return value
