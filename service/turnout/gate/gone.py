"""Collections that a change takes away, calls otherwise or hides behind a link. Never just passed: their data outlives
their files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from turnout.gate import findings as say
from turnout.gate.result import GateFinding
from turnout.gate.scope import Scope, Subject
from turnout.release.artifacts import Deletion, Release
from turnout.release.checking import artifact_file
from turnout.release.findings import printable

COLLECTION_DELETED = "collection-deleted"


def of_deletion(
    subject: Subject, scope: Scope, base: Release | None, deletions: Iterable[Deletion]
) -> tuple[GateFinding, ...]:
    """What a deletion leaves behind. Only a permission in policy.yaml lifts it: overrides.yaml goes with the rest."""
    name = printable(subject.collection)
    made_by = f" (live from release {base.id})" if base else ""
    what = (
        f"the collection is deleted; its data stays on the cluster: the documents index {name}.documents, the views "
        f"{name}.view.*{made_by} and the alias {name}. Nothing follows, serves or retires them from now on"
    )
    remedy = (
        "move its readers, stop its followers and decide what becomes of the data; then allow it in "
        "pipelines/policy.yaml under `deletions`, with a reason and a day"
    )
    where = f"{scope.base_commit[:12]}:{artifact_file(name, 'release.json')}"
    found = say.fail("policy", COLLECTION_DELETED, where=where, what=what, remedy=remedy)
    allowed = next((each for each in deletions if each.collection == subject.collection), None)
    if allowed is not None:
        found = msgspec.structs.replace(found, verdict="pass", lifted_by=f"{allowed.reason} (until {allowed.expires})")
    return (found, *_moved(subject, subject.moved_to, "went to"))


def of_arrival(subject: Subject) -> tuple[GateFinding, ...]:
    """A new collection whose files come from another one."""
    return () if subject.before else _moved(subject, subject.moved_from, "came from")


def of_links(subject: Subject) -> Iterator[GateFinding]:
    """Links in the place of what has to lie in the collection itself."""
    for path in subject.linked:
        what = "it is a link: what changes behind it changes no file of the collection, so nobody would judge it"
        remedy = "put the file or folder itself there"
        yield say.fail("validate", "linked-file", where=printable(path), what=what, remedy=remedy)


def _moved(subject: Subject, others: tuple[str, ...], how: str) -> tuple[GateFinding, ...]:
    if not others:
        return ()
    named = ", ".join(printable(each) for each in others)
    what = (
        f"its files {how} {named}. A rename is a deletion and a new collection: nothing is carried over, neither "
        "documents nor vectors nor the alias"
    )
    remedy = "build the new collection first, move its readers, and delete the old one in a change of its own"
    where = artifact_file(printable(subject.collection), "release.json")
    return (say.note("plan", "collection-renamed", where=where, what=what, remedy=remedy),)
