"""What turnout remembers between runs, as small typed records in one Elasticsearch index.

Git says what should be; this index says what was reached: checkpoints of followers, the epoch of each documents
index, the state of each release, every flip, the freeze switch, quarantined releases and what the controller saw
last. Read through `Reader.state`, written through `Writer.put_state`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from turnout.canary.judgment import Judgment, ProbeResult

STATE_MAPPING: dict[str, Any] = {
    "dynamic": False,
    "properties": {
        "type": {"type": "keyword"},
        "collection": {"type": "keyword"},
        "at": {"type": "date"},
        "body": {"type": "object", "enabled": False},
    },
}


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """The base of all records. `at` is the time of writing, ISO 8601 in UTC."""

    collection: str
    at: str

    @property
    def key(self) -> str:
        """The document id: one record per thing remembered."""
        raise NotImplementedError


class Epoch(Record, frozen=True, kw_only=True, tag="epoch"):
    """Which incarnation of the documents index the `_seq_no`s belong to.

    A restored or recreated index counts `_seq_no` from the start again; its new `documents_uuid` raises the epoch,
    and the epoch is the high part of every external version.
    """

    documents_uuid: str
    epoch: int

    @property
    def key(self) -> str:
        return f"epoch:{self.collection}"


class Checkpoint(Record, frozen=True, kw_only=True, tag="checkpoint"):
    """All operations of one shard of documents up to `seq_no` are in the view."""

    view: str
    view_uuid: str
    shard: int
    epoch: int
    seq_no: int

    @property
    def key(self) -> str:
        return checkpoint_key(self.view, self.shard)


ReleaseState = Literal["building", "verifying", "ready", "live", "former", "failed", "retired"]


class ReleaseRecord(Record, frozen=True, kw_only=True, tag="release"):
    """How far a release has come. `former` was live and is kept for going back; `reason` explains `failed`.

    `release` is the whole release.json, so that a release can be read back when Git has moved on.
    """

    release_id: str
    state: ReleaseState
    view: str | None
    release: dict[str, Any]
    reason: str = ""
    report: dict[str, Any] = {}

    @property
    def key(self) -> str:
        return f"release:{self.collection}:{self.release_id}"


class FlipRecord(Record, frozen=True, kw_only=True, tag="flip"):
    """One move of the alias. `from_view` is None for the first."""

    from_view: str | None
    to_view: str
    from_release: str | None
    to_release: str
    reason: str

    @property
    def key(self) -> str:
        return f"flip:{self.collection}:{self.at}:{self.to_release}"


class Freeze(Record, frozen=True, kw_only=True, tag="freeze"):
    """Stops every automatic flip and retirement of a collection while `frozen`."""

    frozen: bool
    reason: str
    by: str

    @property
    def key(self) -> str:
        return f"freeze:{self.collection}"


class Quarantine(Record, frozen=True, kw_only=True, tag="quarantine"):
    """A release that failed on a cluster. Its pods never turn ready again, whatever Git or an old ReplicaSet says.

    It survives the pods and the cluster; quarantine.yaml says the same in Git. `by` names what failed (an
    AnalysisRun and
    its metric, or `verification`), `reason` is a sentence, `stable` the release that was served meanwhile,
    `proposal` the
    address of the pull request that reverts it, empty until there is one.
    """

    release_id: str
    by: str
    reason: str
    stable: str | None = None
    proposal: str = ""

    @property
    def key(self) -> str:
        return quarantine_key(self.collection, self.release_id)


class RolloutRecord(Record, frozen=True, kw_only=True, tag="rollout"):
    """What the controller saw of a collection's Rollout when it last changed, for `turnout status` outside the
    cluster.

    `phase` and `message` are Argo's. `waits` says in sentences what waits for what, `problems` what a person must
    know. `judgment` is the newest on the canary; None if none is on trial. `at` is when anything else last changed.
    """

    rollout: str
    phase: str
    message: str
    stable: str | None
    canary: str | None
    canary_state: str
    weight: int
    waits: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    judgment: Judgment | None = None

    @property
    def key(self) -> str:
        return f"rollout:{self.collection}"


ProbeState = Literal["asking", "done", "impossible"]


class ProbeRecord(Record, frozen=True, kw_only=True, tag="probe"):
    """How well a release answers its query set through its pods, so that it is asked once and not after each restart.

    With `stable`: the trial of `release` against that one, measured once. `revision` is the canary's pod template hash,
    for another image is another trial. Without `stable`: the watch of `release` itself, renewed now and then;
    `reference` is what it was worth when it was promoted.

    `state`: `asking` until there is a result, `impossible` while `reason` stands in the way. `asked` of `queries`
    were answered or given up; `attempts` is how often it was begun. `values`, `stable_values` and `reference` are means
    by metric.
    """

    release: str
    state: ProbeState
    stable: str = ""
    revision: str = ""
    reason: str = ""
    asked: int = 0
    queries: int = 0
    attempts: int = 0
    result: ProbeResult | None = None
    values: dict[str, float] = {}
    stable_values: dict[str, float] = {}
    reference: dict[str, float] = {}
    ann_recall: float | None = None

    @property
    def key(self) -> str:
        return probe_key(self.collection, self.release, self.stable, self.revision)


class ParityRecord(Record, frozen=True, kw_only=True, tag="parity"):
    """What comparing a view with documents came to last, so that a restart doesn't compare again.

    `at` is when that was last tried, `compared_at` when it last came to a result (empty: never), `differences` that
    result: how many documents differ, by kind (`turnout.verify.differences`). `reason` says why the last try came to
    none, empty if it did. `view_uuid` is the incarnation of the index that was read.
    """

    view: str
    view_uuid: str
    compared_at: str = ""
    differences: dict[str, int] = {}
    reason: str = ""

    @property
    def key(self) -> str:
        return f"parity:{self.view}"


ENVIRONMENT_KEY = "environment"


class Environment(Record, frozen=True, kw_only=True, tag="environment"):
    """Which environment all indexes of this prefix belong to. One for all collections, so `collection` is empty.

    Written once by the controller of that environment; a process of another one changes nothing here.
    """

    name: str

    @property
    def key(self) -> str:
        return ENVIRONMENT_KEY


AnyRecord = (
    Epoch
    | Checkpoint
    | ReleaseRecord
    | FlipRecord
    | Freeze
    | Quarantine
    | RolloutRecord
    | ProbeRecord
    | ParityRecord
    | Environment
)


def checkpoint_key(view: str, shard: int) -> str:
    """The id of the checkpoint of one shard of one view."""
    return f"checkpoint:{view}:{shard}"


def quarantine_key(collection: str, release_id: str) -> str:
    """The id of the record that keeps a release in quarantine."""
    return f"quarantine:{collection}:{release_id}"


def probe_key(collection: str, release_id: str, stable: str = "", revision: str = "") -> str:
    """The id of the record of a trial's query set, or without `stable` of the watch of a release."""
    return f"probe:{collection}:{release_id}:{stable}:{revision}"


def encode(record: AnyRecord) -> dict[str, Any]:
    """A record as the document that is stored."""
    body = msgspec.to_builtins(record)
    return {"type": body["type"], "collection": record.collection, "at": record.at, "body": body}


def decode(document: dict[str, Any]) -> AnyRecord:
    """The inverse of `encode`."""
    record: AnyRecord = msgspec.convert(document["body"], AnyRecord)
    return record
