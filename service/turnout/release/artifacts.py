"""The artifact files as typed, frozen values.

Read by everything that plans, builds or serves a release. The shape is fixed by the JSON Schemas in
`schemas/definitions/`; a test holds the two together. Field names carry their unit.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

API_VERSION: Literal["turnout/v1"] = "turnout/v1"

HostedName = Literal["openai", "cohere"]
RuntimeName = Literal["onnx", "openvino", "sentence-transformers", "static", "openai", "cohere"]
HOSTED: frozenset[str] = frozenset(get_args(HostedName))
"""Runtimes that are somebody else's server: there are no files to take a digest of."""
Precision = Literal["fp32", "bf16"]
Similarity = Literal["cosine", "dot_product", "l2_norm", "max_inner_product"]
RetrievalMode = Literal["lexical", "vector", "hybrid"]


class Artifact(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of all artifact values: immutable, by keyword, unknown keys refused."""


class Digests(Artifact, frozen=True):
    """SHA-256 of the model's weights and tokenizer files, written `sha256:<64 hex>`."""

    weights: str
    tokenizer: str


class Prefixes(Artifact, frozen=True):
    """Text put in front of a query or a passage before it is embedded, as the model was trained."""

    query: str = ""
    passage: str = ""


class Runtime(Artifact, frozen=True):
    """What computes the vectors. Part of a vector's identity: int8 and fp32 vectors are different vectors."""

    name: RuntimeName
    precision: Precision = "fp32"


class Price(Artifact, frozen=True):
    """What embedding costs; 0 for a model that runs on own machines."""

    per_million_tokens: float
    currency: str = "USD"


class Model(Artifact, frozen=True, kw_only=True):
    """model.yaml: which model, by digest, and how it is run.

    A local runtime has `digests` and `pooling`, a hosted one has `endpoint` instead: what isn't there is left out of
    release.json. A rule holds that, for the schema can't say it.
    """

    api_version: Literal["turnout/v1"] = msgspec.field(name="apiVersion")
    kind: Literal["Model"]
    id: str
    revision: str
    license: str
    digests: Digests | msgspec.UnsetType = msgspec.UNSET
    dims: int
    similarity: Similarity
    pooling: Literal["mean", "cls", "max"] | msgspec.UnsetType = msgspec.UNSET
    normalize: bool
    max_tokens: int
    runtime: Runtime
    price: Price
    prefixes: Prefixes = Prefixes()
    endpoint: str | msgspec.UnsetType = msgspec.UNSET

    @property
    def hosted(self) -> bool:
        """Whether vectors come from somebody else's server."""
        return self.runtime.name in HOSTED


class Source(Artifact, frozen=True):
    """Where documents come from: a connector and its options (see `turnout ingest --help`)."""

    connector: Literal["folder", "jsonl", "csv", "python-docs"]
    options: dict[str, str] = {}


class Clean(Artifact, frozen=True):
    """How text is normalised before it is cut."""

    unicode: Literal["NFC", "NFKC", "none"] = "NFC"
    collapse_whitespace: bool = True


class Chunk(Artifact, frozen=True):
    """How a text is cut into passages. `size` and `overlap` count tokens of the model's tokenizer."""

    size: int
    overlap: int
    max_passages: int
    on_overflow: Literal["truncate", "refuse"] = "refuse"


class RateLimit(Artifact, frozen=True):
    """The most that embedding may ask of its provider. 0 is not "no limit": it is refused."""

    requests_per_minute: int
    tokens_per_minute: int


class Embed(Artifact, frozen=True):
    """How passages are sent to the model."""

    batch_size: int
    rate_limit: RateLimit


class Fields(Artifact, frozen=True):
    """Which document fields fill which fields of the view.

    `copy` maps a field of the mapping to a path in the document (`title`, `text`, or `fields.<name>`).
    `passages` is the nested field; `passage_text` and `passage_vector` are its children.
    """

    copy: dict[str, str]
    passages: str = "passages"
    passage_text: str = "text"
    passage_vector: str = "vector"


class Retrieval(Artifact, frozen=True):
    """What a search does unless the caller says otherwise."""

    mode: RetrievalMode
    k: int
    num_candidates: int
    rank_window: int
    rank_constant: int
    lexical_fields: dict[str, float]
    filter_fields: list[str] = []
    timeout_ms: int = 1000


class Limits(Artifact, frozen=True):
    """Bounds that protect the service and the bill."""

    max_document_bytes: int
    max_k: int
    max_query_chars: int
    max_concurrent_searches: int


class Budget(Artifact, frozen=True):
    """Money that embedding may cost; a backfill that would cost more is refused by the plan."""

    per_month: float
    per_backfill: float
    currency: str = "USD"

    @property
    def limits(self) -> dict[str, float]:
        """The limits by what they are for, as metrics name it."""
        return {"month": self.per_month, "backfill": self.per_backfill}


class Expected(Artifact, frozen=True):
    """The load that the cost simulation reckons with where it can't be measured.

    `documents` in the source, `changes_per_day` of them written anew, `queries_per_hour` that are embedded, each of
    `query_tokens` tokens.
    """

    documents: int
    changes_per_day: int
    queries_per_hour: int
    query_tokens: int = 16


class Pipeline(Artifact, frozen=True):
    """pipeline.yaml: source -> clean -> chunk -> embed -> index; retrieval; limits; budget; expected load."""

    api_version: Literal["turnout/v1"] = msgspec.field(name="apiVersion")
    kind: Literal["Pipeline"]
    source: Source
    clean: Clean
    chunk: Chunk
    embed: Embed
    index: Fields
    retrieval: Retrieval
    limits: Limits
    budget: Budget
    expected: Expected | msgspec.UnsetType = msgspec.UNSET


class AttestationGate(Artifact, frozen=True):
    """Least cosine between a probe's stored vector and the one that the running model gives."""

    min_cosine: float


class PlaceholderGate(Artifact, frozen=True):
    """Most documents, as a share, that may be in the view without being searchable (see `on_overflow`, `limits`)."""

    max_share: float


class AnnRecallGate(Artifact, frozen=True):
    """Least mean overlap of approximate with exact nearest neighbours at `k`, over `queries` sampled queries."""

    k: int
    min: float
    queries: int


class QualityGate(Artifact, frozen=True):
    """How much judged quality a candidate may lose against the live release.

    A loss that is significant at `alpha` (paired sign-flip permutation test) fails; a 1 - 2*alpha bootstrap interval
    that reaches below `-max_loss` is not enough evidence and doesn't pass either.
    """

    metric: Literal["ndcg@10", "mrr@10", "recall@10", "recall@100"]
    max_loss: float
    alpha: float
    min_queries: int
    seed: int = 20260101


class VerifyGates(Artifact, frozen=True):
    """What `verify` must show before a view is `ready`. Parity has no setting: it is exact."""

    attestation: AttestationGate
    placeholders: PlaceholderGate
    ann_recall: AnnRecallGate
    quality: QualityGate


class SliceGate(Artifact, frozen=True):
    """What a group of queries may lose in the gate's metric, even if the mean gains; smaller groups aren't judged."""

    max_loss: float = 0.05
    min_queries: int = 10


class RehearsalGates(Artifact, frozen=True):
    """What a rehearsal must show on top of `verify`.

    `min_judged` is the least share of the head's first ten documents that has a judgment: below it the judgments say
    too little. `max_latency_ratio` bounds head over base of the median search time; a ratio that is surely above (95 %)
    fails, unless the head's median search takes less than `unnoticed_ms` on the rehearsal's server.
    """

    min_judged: float = 0.7
    max_latency_ratio: float = 2.0
    unnoticed_ms: float = 50.0
    slices: SliceGate = SliceGate()


class RateGate(Artifact, frozen=True):
    """How much larger a share of the canary's searches may go wrong than of stable's, at the same time.

    The canary fails when its share is surely above `tolerance` times stable's. It passes when its share is surely below
    `margin` times stable's, or below `floor`, a share that nobody minds. `alpha_share` is this metric's part of the
    canary's alpha; the parts of all metrics add up to 1 at most.
    """

    alpha_share: float
    tolerance: float
    margin: float
    floor: float


class CanaryGates(Artifact, frozen=True):
    """What a canary must show under live traffic; see turnout/canary for the test.

    `alpha` bounds the chance that a release no worse than stable is stopped, over the whole rollout and all looks;
    `beta` the chance that one that is worse than a margin is promoted. `latency` counts searches slower than each
    bound of the histogram, from `unnoticed_ms` on: a search that takes less is fast enough, however fast stable is.
    """

    alpha: float = 0.02
    beta: float = 0.05
    unnoticed_ms: float = 50.0
    errors: RateGate = RateGate(alpha_share=0.4, tolerance=1.0, margin=2.0, floor=0.01)
    latency: RateGate = RateGate(alpha_share=0.4, tolerance=1.0, margin=1.5, floor=0.02)
    degraded: RateGate = RateGate(alpha_share=0.1, tolerance=1.0, margin=2.0, floor=0.02)
    empty: RateGate = RateGate(alpha_share=0.1, tolerance=1.0, margin=2.0, floor=0.02)

    @property
    def rates(self) -> dict[str, RateGate]:
        """The gate of each metric, by its name."""
        return {"errors": self.errors, "latency": self.latency, "degraded": self.degraded, "empty": self.empty}


class LatencyObjective(Artifact, frozen=True):
    """The share of answered searches that take `within_ms` at most, one of the bounds of the service's histogram."""

    within_ms: float = 1000.0
    share: float = 0.99


class Objectives(Artifact, frozen=True):
    """What users are promised, over any 30 days; alerts say how fast the rest, the error budget, is used up.

    `availability` is the share of searches that don't end in a 5xx.
    """

    availability: float = 0.995
    latency: LatencyObjective = LatencyObjective()


class Gates(Artifact, frozen=True):
    """gates.yaml. Without `rehearsal`, `canary` or `slo` their defaults hold."""

    api_version: Literal["turnout/v1"] = msgspec.field(name="apiVersion")
    kind: Literal["Gates"]
    verify: VerifyGates
    rehearsal: RehearsalGates | msgspec.UnsetType = msgspec.UNSET
    canary: CanaryGates | msgspec.UnsetType = msgspec.UNSET
    slo: Objectives | msgspec.UnsetType = msgspec.UNSET

    @property
    def rehearsed(self) -> RehearsalGates:
        """The rehearsal's gates, as given or by default."""
        return RehearsalGates() if self.rehearsal is msgspec.UNSET else self.rehearsal

    @property
    def judged(self) -> CanaryGates:
        """The canary's gates, as given or by default."""
        return CanaryGates() if self.canary is msgspec.UNSET else self.canary

    @property
    def promised(self) -> Objectives:
        """The service level objectives, as given or by default."""
        return Objectives() if self.slo is msgspec.UNSET else self.slo


class Override(Artifact, frozen=True):
    """A named rule that may be broken until a day (ISO date) for a reason."""

    rule: str
    reason: str
    expires: str


class Overrides(Artifact, frozen=True):
    """overrides.yaml: expiring permissions. Absent in normal times."""

    api_version: Literal["turnout/v1"] = msgspec.field(name="apiVersion")
    kind: Literal["Overrides"]
    overrides: list[Override]


class FileDigest(Artifact, frozen=True):
    """A file that belongs to the release by its content: `sha256:<64 hex>` and the number of entries in it."""

    digest: str
    entries: int


class Evaluation(Artifact, frozen=True):
    """The query set and its judgments (TREC words), and the list of documents that a rehearsal is made with."""

    queries: FileDigest
    qrels: FileDigest
    sample: FileDigest | msgspec.UnsetType = msgspec.UNSET


class CodeVersions(Artifact, frozen=True):
    """Versions of our own code whose output ends in vectors; raised whenever that output changes."""

    clean: int
    chunk: int


class Fingerprints(Artifact, frozen=True):
    """Identity by content; design: "Identity". Each is a prefix letter, a dash and 16 hex digits."""

    embedding: str
    index: str
    query: str


class Release(Artifact, frozen=True):
    """release.json: the canonical release, the only thing that pods mount.

    `mapping` is the body of Elasticsearch's create-index API (`mappings`, `settings`) as the user wrote it.
    """

    api_version: Literal["turnout/v1"] = msgspec.field(name="apiVersion")
    kind: Literal["Release"]
    collection: str
    id: str
    fingerprints: Fingerprints
    mapping: dict[str, Any]
    model: Model
    pipeline: Pipeline
    gates: Gates
    evaluation: Evaluation | None
    code: CodeVersions


class QuarantinedRelease(Artifact, frozen=True):
    """A release that failed: it is refused wherever it is met. `since` is an ISO date."""

    release: str
    reason: str
    since: str


class Quarantine(Artifact, frozen=True):
    """quarantine.yaml: releases that failed. Absent in normal times."""

    api_version: Literal["turnout/v1"] = msgspec.field(name="apiVersion")
    kind: Literal["Quarantine"]
    releases: list[QuarantinedRelease]


class RateLimitPolicy(Artifact, frozen=True):
    """How much a rate limit of embedding that costs money may grow in one change: a factor, 1 for not at all."""

    max_increase: float = 1.0


class WorstHourPolicy(Artifact, frozen=True):
    """Most that one hour of embedding may cost if something asks without end, as a share of `budget.per_month`."""

    max_share: float = 1.0


class LimitsPolicy(Artifact, frozen=True):
    """Least share of a limit on callers and documents (`limits`) that may be left after one change."""

    min_share: float = 0.5


class RetentionPolicy(Artifact, frozen=True):
    """Least number of former releases whose views stay followed, to go back to."""

    releases: int = 1


class Deletion(Artifact, frozen=True):
    """The permission to delete a collection until a day (ISO date) for a reason."""

    collection: str
    reason: str
    expires: str


def _permissive() -> list[str]:
    return ["Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT"]


class Policy(Artifact, frozen=True):
    """pipelines/policy.yaml: rules for every collection. What the file doesn't say is as strict as it gets.

    `licences` are SPDX identifiers of models that may be used, in any case of letters.
    """

    api_version: Literal["turnout/v1"] = msgspec.field(name="apiVersion", default=API_VERSION)
    kind: Literal["Policy"] = "Policy"
    licences: list[str] = msgspec.field(default_factory=_permissive)
    rate_limit: RateLimitPolicy = RateLimitPolicy()
    worst_hour: WorstHourPolicy = WorstHourPolicy()
    limits: LimitsPolicy = LimitsPolicy()
    retention: RetentionPolicy = RetentionPolicy()
    deletions: list[Deletion] = []
