"""What a change does to the judgments that it is judged by. Called by `judge`.

A release names them by digest and number only, so the files themselves are compared with those of the base. Judgments
may always be added: a head that finds other documents needs them. What the base had already may be mended, but not in
the change that it judges.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from turnout.errors import BadInput
from turnout.evaluation.query_set import QRELS_FILE, QUERIES_FILE, QuerySet, parse_query_set
from turnout.gate import findings as say
from turnout.gate.result import GateFinding
from turnout.git import read_file
from turnout.plan.refusal import or_override
from turnout.release.artifacts import Override, Release
from turnout.release.checking import artifact_file

JUDGMENTS_CHANGED = "judgments-changed"


def of_evidence(
    root: Path, commit: str, base: Release | None, head: Release, *, overrides: Sequence[Override]
) -> Iterator[GateFinding]:
    """What became of the base's queries, judgments and sample: a finding if the ranking changes too, else a note.

    Another sample is never more than a note: documents come and go, and nobody can tell which are hard to rank.

    Raises:
        EnvironmentProblem: git fails.
    """
    if base is None or base.evaluation is None or head.evaluation is None:
        return  # nothing to compare, or policy refuses what is gone
    where = artifact_file(head.collection, "evaluation")
    if base.evaluation.sample != head.evaluation.sample:
        what = "the documents that the rehearsal is made with are others than at the base"
        yield say.note("policy", "sample-changed", where=where, what=what, remedy="see that it is no easier collection")
    if (base.evaluation.queries, base.evaluation.qrels) == (head.evaluation.queries, head.evaluation.qrels):
        return
    before, now = _at(root, commit, where), _here(root, where)
    changed = "; ".join(_changed(before, now)) if before and now else "nobody can tell how, for they lie behind a link"
    if changed and base.fingerprints != head.fingerprints:
        yield _lifted(_stopped(changed, where), overrides)
    elif changed:
        what = f"queries or judgments that the base had are others now: {changed}"
        remedy = "look at them: later changes are judged by these"
        yield say.note("policy", JUDGMENTS_CHANGED, where=where, what=what, remedy=remedy)


def _changed(before: QuerySet, now: QuerySet) -> Iterator[str]:
    """What the base had and the head has otherwise or not at all, in words."""
    queries = {query.id: query for query in now.queries}
    gone = sum(query.id not in queries for query in before.queries)
    other = sum(query.id in queries and queries[query.id] != query for query in before.queries)
    if gone or other:
        yield f"of {len(before.queries):,} queries {gone:,} are gone and {other:,} have another text, filter or slice"
    grades = [
        (grade, now.qrels.get(query, {}).get(document))
        for query, judged in before.qrels.items()
        for document, grade in judged.items()
    ]
    gone = sum(after is None for _, after in grades)
    other = sum(after is not None and after != grade for grade, after in grades)
    if gone or other:
        yield f"of {len(grades):,} judgments {gone:,} are gone and {other:,} have another grade"


def _stopped(changed: str, where: str) -> GateFinding:
    what = f"the ranking changes and with it what it is judged by: {changed}"
    remedy = or_override(
        "change what was judged already in a change of its own, first (adding is free)", JUDGMENTS_CHANGED
    )
    return say.fail("policy", JUDGMENTS_CHANGED, where=where, what=what, remedy=remedy)


def _lifted(found: GateFinding, overrides: Sequence[Override]) -> GateFinding:
    allowed = next((each for each in overrides if each.rule == found.rule), None)
    if allowed is None:
        return found
    return msgspec.structs.replace(found, verdict="pass", lifted_by=f"{allowed.reason} (until {allowed.expires})")


def _at(root: Path, commit: str, folder: str) -> QuerySet | None:
    files = [read_file(root, commit, f"{folder}/{name}") for name in (QUERIES_FILE, QRELS_FILE)]
    return _parsed(*files)


def _here(root: Path, folder: str) -> QuerySet | None:
    try:
        return _parsed(*((root / folder / name).read_bytes() for name in (QUERIES_FILE, QRELS_FILE)))
    except OSError:
        return None


def _parsed(queries: bytes | None, qrels: bytes | None) -> QuerySet | None:
    try:
        return None if queries is None or qrels is None else parse_query_set(queries, qrels)
    except BadInput:
        return None
