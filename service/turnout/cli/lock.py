"""`turnout lock`: write release.json from a collection's artifacts."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click
import msgspec

from turnout.cli.artifacts import check_collection, chosen, read_files, today
from turnout.cli.findings import render
from turnout.cli.settings import from_environment
from turnout.errors import EnvironmentProblem, TurnoutError
from turnout.passages import CODE_VERSIONS
from turnout.release import fingerprint
from turnout.release.artifacts import Release
from turnout.release.checking import LOCK_RULES, artifact_file, lock
from turnout.release.findings import Finding
from turnout.release.judgments import QRELS
from turnout.release.sample import SAMPLE, write_sample

_MEANS = {
    "embedding": "vectors must be computed again",
    "index": "documents must be written again, unless Elasticsearch takes the change in place",
    "query": "nothing is written; searches change",
}


@click.command(name="lock")
@click.argument("collections", nargs=-1, metavar="[COLLECTION...]")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a lock is missing or stale.")
@click.option(
    "--sample",
    type=click.IntRange(min=0),
    metavar="N",
    help="First draw evaluation/sample.tsv anew: all judged documents and a random rest up to N; 0 takes all.",
)
def command(collections: tuple[str, ...], check: bool, sample: int | None) -> int:
    """Write release.json, the canonical release that pods mount, from a collection's artifacts.

    Without a COLLECTION all are locked. Nothing is written for a collection with findings.

    The sample lists, by id and hash, the documents that a rehearsal (`turnout check`) is made with. It is drawn from
    the release's source; the same source and N give the same list.

    \b
    turnout lock python-docs
    turnout lock python-docs --sample 5000
    turnout lock --check                  in CI, or before a commit
    """
    root = from_environment().root
    names = chosen(root, collections)
    if sample is not None:
        if check or not collections:
            raise click.UsageError("--sample needs a COLLECTION, and doesn't go with --check")
        for name in names:
            _draw_sample(root, name, sample)
    refused = [name for name in names if not _lock(root, name, check=check)]
    return 1 if refused else 0


def _draw_sample(root: Path, collection: str, size: int) -> None:
    """Write evaluation/sample.tsv. The old list says nothing about the new one, so it isn't looked at."""
    from turnout.evaluation.query_set import parse_qrels
    from turnout.ingest.connectors.registry import make
    from turnout.ingest.sampling import draw

    file, qrels = (artifact_file(collection, f"evaluation/{name}") for name in (SAMPLE, QRELS))
    files = read_files(root, collection)
    files.pop(file, None)
    pipeline = lock(collection, files, today=today(), code=CODE_VERSIONS).pipeline
    source = make(
        pipeline.source.connector,
        pipeline.source.options,
        root=root,
        max_document_bytes=pipeline.limits.max_document_bytes,
    )
    judgments = parse_qrels(files[qrels], where=qrels) if qrels in files else {}
    judged = {document for grades in judgments.values() for document in grades}
    sample = draw(source.read(), judged, size=size)
    (root / file).parent.mkdir(exist_ok=True)
    _replace(root / file, write_sample(sample))
    found = len(judged & sample.keys())
    click.echo(f"{collection}: {len(sample)} documents in {file}, {found} of {len(judged)} judged ones among them")


def _lock(root: Path, collection: str, *, check: bool) -> bool:
    try:
        checked = check_collection(root, collection)
    except TurnoutError as error:
        finding = Finding(error.where, 1, 1, "", "unreadable-file", error.what, error.remedy)
        click.echo(render([finding], form="text", collections=1), err=True)
        return False
    if checked.release is None:
        findings = [finding for finding in checked.findings if finding.rule not in LOCK_RULES]
        click.echo(render(findings, form="text", collections=1), err=True)
        return False
    path = root / artifact_file(collection, "release.json")
    old = _old(path)
    if not checked.findings:
        click.echo(f"{collection}: {checked.release.id} (nothing changed)")
        return True
    for line in _changes(collection, old, checked.release):
        click.echo(line)
    if check:
        click.echo(f"    the lock is stale: run `turnout lock {collection}` and commit release.json")
        return False
    _replace(path, fingerprint.encode(checked.release))
    return True


def _old(path: Path) -> Release | None:
    try:
        return fingerprint.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):  # what can't be read is written anew
        return None


def _changes(collection: str, old: Release | None, new: Release) -> list[str]:
    lines = [f"{collection}: {old.id if old else 'no lock'} -> {new.id}"]
    for name, meaning in _MEANS.items():
        before = getattr(old.fingerprints, name) if old else "none"
        after = getattr(new.fingerprints, name)
        if before != after:
            lines.append(f"    {name}: {before} -> {after}  ({meaning})" if old else f"    {name}: {after}")
    if old and old.fingerprints == new.fingerprints:
        lines.append("    no fingerprint changed: neither vectors nor documents nor searches")
    return lines


def _replace(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise EnvironmentProblem(reason, where=str(path), remedy="make the folder writable") from error
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
