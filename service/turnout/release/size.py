"""Refuses a release that Kubernetes couldn't hold. Called by `checking`.

Pods mount a release as one ConfigMap: release.json, queries.jsonl and qrels.tsv. The sample isn't in it: only
rehearsals read that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from turnout.release.findings import Finding
from turnout.release.judgments import QRELS, QUERIES

MAX_CONFIG_MAP_BYTES = 900 * 1024
"""A ConfigMap holds 1 MiB with its metadata; what is left is for those."""


def too_large(folder: str, release: bytes, files: Mapping[str, bytes]) -> Iterator[Finding]:
    """A finding when a release and its judgments don't fit into a ConfigMap.

    Args:
        folder: the collection's, `pipelines/<collection>`.
        release: release.json as it must be.
        files: content by path from the root.
    """
    lock = f"{folder}/release.json"
    if len(release) > MAX_CONFIG_MAP_BYTES:
        problem = f"the release is {len(release)} bytes, more than {MAX_CONFIG_MAP_BYTES}"
        yield Finding(lock, 1, 1, "", "release-too-large", problem, "make the mapping smaller")
        return
    parts = {lock: len(release)}
    parts |= {file: len(files.get(file, b"")) for file in (f"{folder}/evaluation/{each}" for each in (QUERIES, QRELS))}
    total, largest = sum(parts.values()), max(parts, key=parts.__getitem__)
    if total > MAX_CONFIG_MAP_BYTES:
        problem = (
            f"the release and its judgments are {total} bytes, more than the {MAX_CONFIG_MAP_BYTES} that pods can"
            f" mount; {largest} is {parts[largest]} of them"
        )
        yield Finding(largest, 1, 1, "", "release-too-large", problem, "judge fewer queries or fewer documents")
