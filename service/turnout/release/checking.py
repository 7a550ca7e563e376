"""Check a collection's files and make its release. Pure: files come in as bytes, the day as text.

Called by the verbs `validate` and `lock`, and by whatever loads a release from files. Order: each file by itself,
then the rules between files that are valid, then the lock.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from collections.abc import Mapping as Files
from typing import Any, TypeVar

import msgspec

from turnout.errors import Refused
from turnout.release import fingerprint
from turnout.release.artifacts import CodeVersions, Gates, Model, Overrides, Pipeline, Quarantine, Release
from turnout.release.document import Document
from turnout.release.findings import Finding, printable, shown
from turnout.release.json_reader import read_json
from turnout.release.judgments import QRELS, QUERIES, read_judgments
from turnout.release.mapping import read_mapping
from turnout.release.overrides import override_findings, unused
from turnout.release.quarantine import quarantine_findings, quarantined
from turnout.release.rules import Bundle, broken_rules
from turnout.release.sample import SAMPLE
from turnout.release.schema import Kind, convert
from turnout.release.size import too_large
from turnout.release.staleness import stale_lock
from turnout.release.yaml_reader import read_yaml

MOST_FINDINGS = 200  # of a collection; a file of another kind altogether could have one for each of a million lines
LOCK_RULES = frozenset({"missing-lock", "stale-lock"})
"""Findings that `turnout lock` mends."""

# A part of index names and of Kubernetes names, which are cut at 63.
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_RESERVED = frozenset({"definitions"})

_Artifact = TypeVar("_Artifact")


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What came out of a check.

    `release` is what the artifacts say now; None when a finding other than about the lock stands against them.
    """

    release: Release | None
    findings: tuple[Finding, ...]
    overrides: Overrides | None = None
    overrides_document: Document | None = None
    """overrides.yaml with its places; None if it isn't there or can't be read."""
    quarantine: Quarantine | None = None

    def unused_overrides(self, used: Collection[str]) -> tuple[Finding, ...]:
        """A finding for each override that lifts nothing; `used` names the rules that were broken and lifted."""
        if self.overrides is None or self.overrides_document is None:
            return ()
        return tuple(unused(self.overrides_document, self.overrides, used))


def mapping_file(collection: str) -> str:
    """Where a collection's mapping lies, from the root."""
    return f"schemas/{collection}/mapping.json"


def artifact_file(collection: str, name: str) -> str:
    """Where another file of a collection lies, from the root."""
    return f"pipelines/{collection}/{name}"


def check(collection: str, files: Files[str, bytes], *, today: str, code: CodeVersions) -> Checked:
    """All that is wrong with a collection, and its release if nothing is.

    Args:
        files: content by path from the root; what is absent counts as missing.
        today: ISO date (UTC), for overrides.
        code: versions of the code that makes passages.
    """
    if not _NAME.fullmatch(collection) or collection in _RESERVED:
        return Checked(release=None, findings=(_bad_name(collection),))
    checker = _Checker(collection, files)
    overrides = checker.overrides(today)
    quarantine = checker.quarantine(today)
    release = checker.release(code)
    if release is not None:
        checker.lock(release)
        checker.refuse(release, quarantine)
    trusted = all(finding.rule in LOCK_RULES for finding in checker.findings)
    findings = tuple(sorted(set(checker.findings))[:MOST_FINDINGS])
    return Checked(
        release=release if trusted else None,
        findings=findings,
        overrides=overrides,
        overrides_document=checker.document("overrides"),
        quarantine=quarantine,
    )


def lock(collection: str, files: Files[str, bytes], *, today: str, code: CodeVersions) -> Release:
    """The release that release.json must hold, whatever it holds now; write it with `fingerprint.encode`.

    Raises:
        Refused: with the first findings, when any but those about the lock stand against the artifacts.
    """
    checked = check(collection, files, today=today, code=code)
    if checked.release is None:
        raise refusal(collection, [finding for finding in checked.findings if finding.rule not in LOCK_RULES])
    return checked.release


def refusal(collection: str, findings: list[Finding]) -> Refused:
    """An error that names the first findings, for callers that want a release or nothing."""
    first = findings[0]
    more = "".join(f"; {finding.place}: {finding.problem}" for finding in findings[1:3])
    rest = f" (and {len(findings) - 3} more, see `turnout validate {collection}`)" if len(findings) > 3 else ""
    return Refused(f"{first.problem}{more}{rest}", where=first.place, remedy=first.remedy)


class _Checker:
    def __init__(self, collection: str, files: Files[str, bytes]) -> None:
        self._collection = collection
        self._files = files
        self._documents: dict[str, Document] = {}
        self.findings: list[Finding] = []

    def release(self, code: CodeVersions) -> Release | None:
        """The release of the files, or None with findings."""
        bundle = Bundle(
            mapping=self._mapping(),
            model=self._artifact("model", Model),
            pipeline=self._artifact("pipeline", Pipeline),
            gates=self._artifact("gates", Gates),
            judgments=self._judgments(),
            documents=self._documents,
        )
        self.findings.extend(broken_rules(bundle))
        if self.findings or not (bundle.mapping and bundle.model and bundle.pipeline and bundle.gates):
            return None
        return fingerprint.build(
            self._collection,
            mapping=bundle.mapping.document.value,
            model=bundle.model,
            pipeline=bundle.pipeline,
            gates=bundle.gates,
            evaluation=bundle.judgments.evaluation if bundle.judgments else None,
            code=code,
        )

    def overrides(self, today: str) -> Overrides | None:
        """The overrides, if there are any."""
        overrides = self._artifact("overrides", Overrides, optional=True)
        if overrides is not None:
            self.findings.extend(override_findings(self._documents["overrides"], overrides, today))
        return overrides

    def quarantine(self, today: str) -> Quarantine | None:
        """The releases that failed, if there are any."""
        quarantine = self._artifact("quarantine", Quarantine, optional=True)
        if quarantine is not None:
            self.findings.extend(quarantine_findings(self._documents["quarantine"], quarantine, today))
        return quarantine

    def refuse(self, release: Release, quarantine: Quarantine | None) -> None:
        """Find the release in quarantine."""
        if quarantine is not None:
            self.findings.extend(quarantined(self._documents["quarantine"], quarantine, release.id))

    def document(self, kind: Kind) -> Document | None:
        """A file that was read, with its places."""
        return self._documents.get(kind)

    def lock(self, release: Release) -> None:
        """Find release.json missing, too large, or other than the artifacts give."""
        file = artifact_file(self._collection, "release.json")
        remedy = f"run `turnout lock {self._collection}` and commit release.json"
        expected, actual = fingerprint.encode(release), self._files.get(file)
        size = list(too_large(f"pipelines/{self._collection}", expected, self._files))
        if size:
            self.findings.extend(size)
        elif actual is None:
            self._add(file, "missing-lock", "there is no release.json", remedy)
        elif actual != expected:
            self.findings.append(stale_lock(file, release, actual, remedy))

    def _mapping(self) -> Any:
        file = mapping_file(self._collection)
        data = self._get(file, "add the mapping, as Elasticsearch's create-index API takes it")
        document = self._read(read_json, file, data) if data is not None else None
        if document is None:
            return None
        mapping, findings = read_mapping(document)
        self.findings.extend(findings)
        return mapping

    def _artifact(self, kind: Kind, into: type[_Artifact], *, optional: bool = False) -> _Artifact | None:
        file = artifact_file(self._collection, f"{kind}.yaml")
        if optional and file not in self._files:
            return None
        data = self._get(file, f"add it; schemas/definitions/{kind}.schema.json says what belongs in it")
        document = self._read(read_yaml, file, data) if data is not None else None
        if document is None:
            return None
        self._documents[kind] = document
        value, findings = convert(kind, document, into)
        self.findings.extend(findings)
        return value

    def _judgments(self) -> Any:
        folder = artifact_file(self._collection, "evaluation")
        names, sample = (f"{folder}/{QUERIES}", f"{folder}/{QRELS}"), f"{folder}/{SAMPLE}"
        if not any(name in self._files for name in (*names, sample)):
            return None
        queries, qrels = (self._get(name, "queries and judgments belong together: add it") for name in names)
        if queries is None or qrels is None:
            return None
        judgments, findings = read_judgments(folder, queries, qrels, self._files.get(sample))
        self.findings.extend(findings)
        return judgments

    def _get(self, file: str, remedy: str) -> bytes | None:
        data = self._files.get(file)
        if data is None:
            self._add(file, "missing-file", "the file is missing", remedy)
        return data

    def _read(self, reader: Any, file: str, data: bytes) -> Document | None:
        document, findings = reader(file, data)
        self.findings.extend(findings)
        return document  # type: ignore[no-any-return]

    def _add(self, file: str, rule: str, problem: str, remedy: str) -> None:
        self.findings.append(Finding(file, 1, 1, "", rule, problem, remedy))


def _bad_name(collection: str) -> Finding:
    problem = f"{shown(collection)} can't be the name of a collection"
    remedy = "use up to 40 lower-case letters, digits and dashes, with a letter or digit at both ends"
    if collection in _RESERVED:
        problem, remedy = f"`{collection}` is a folder of turnout's own", "use another name"
    return Finding(printable(artifact_file(collection, "")), 1, 1, "", "collection-name", problem, remedy)
