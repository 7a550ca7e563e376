"""The documents of a rehearsal: those of the release's list, as the source has them today."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from turnout.elastic.documents import DOCUMENT_SHARDS
from turnout.ingest import Documents, SourceDocument
from turnout.ingest.sampling import listed_hash, usable
from turnout.rehearsal.result import SampleUse
from turnout.rehearsal.settings import Settings
from turnout.release.artifacts import FileDigest, Release
from turnout.release.sample import Sample


class Used(msgspec.Struct, frozen=True):
    """The documents, by id, and how they compare with the list. `content` names exactly this content."""

    documents: tuple[SourceDocument, ...]
    use: SampleUse
    content: str


def read_sample(head: Release, settings: Settings) -> Used:
    """Find the listed documents in the source.

    Raises:
        TurnoutError: the source can't be read.
    """
    sample: Sample = settings.sample or {}
    named = head.evaluation.sample if head.evaluation else None
    found = (
        {each.source_id: each for each in usable(settings.documents()) if each.source_id in sample} if sample else {}
    )
    documents = tuple(found[source_id] for source_id in sorted(found))
    hashes = [listed_hash(document) for document in documents]
    changed = sum(digits != sample[each.source_id] for each, digits in zip(documents, hashes, strict=True))
    use = SampleUse(
        digest=named.digest if isinstance(named, FileDigest) else "",
        listed=len(sample),
        used=len(documents),
        changed=changed,
        missing=len(sample) - len(documents),
    )
    lines = "\n".join(f"{each.source_id}\t{digits}" for each, digits in zip(documents, hashes, strict=True))
    return Used(documents, use, hashlib.sha256(lines.encode()).hexdigest())


def ingest(target: Documents, documents: Sequence[SourceDocument], *, processes: int) -> tuple[str, ...]:
    """Write them into a space; gives the ids of those that can't be stored.

    Two shards for each process that reads them: fewer are made faster, and both end at about the same time.
    """
    target.ensure(shards=max(1, min(DOCUMENT_SHARDS, 2 * processes)))
    outcomes = target.upsert_many(documents)
    return tuple(outcome.source_id for outcome in outcomes if outcome.result == "rejected")
