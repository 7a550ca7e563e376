"""What a rehearsal found, as values: judged by the gate, drawn by its report. Made by `turnout.rehearsal.rehearse`."""

from __future__ import annotations

import msgspec

from turnout.confirm import Finding
from turnout.evaluation.comparison import Comparison, MetricChange
from turnout.verify import Check, Verdict


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Something that keeps a rehearsal from passing: a rule's name, a sentence, and what to do."""

    rule: str
    verdict: Verdict
    what: str
    remedy: str


class SampleUse(msgspec.Struct, frozen=True, kw_only=True):
    """The documents that were used, against the list that the release names.

    `listed` is how many evaluation/sample.tsv lists; `changed` have another content now (they are used all the same),
    `missing` are no longer in the source.
    """

    digest: str
    listed: int
    used: int
    changed: int
    missing: int


class Recall(msgspec.Struct, frozen=True, kw_only=True):
    """ANN recall at `k` against exact search on the same vectors: what the index loses, whatever the model is."""

    k: int
    queries: int
    mean: float
    least: float


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One release as it was built: how long each stage took (seconds), what it holds, what the index loses.

    `disk_bytes` is the whole index on disk, `vector_disk_bytes` the vectors' part by `_disk_usage`; None where the
    server doesn't say.
    """

    release_id: str
    view: str
    documents: int
    passages: int
    disk_bytes: int | None
    vector_disk_bytes: int | None
    recall: Recall | None
    stage_seconds: dict[str, float]
    reused: bool = False
    """The view was there already, from an earlier rehearsal of the same release."""


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Searches of both releases in turn, in milliseconds on the client's side, the query's embedding included.

    `ratio` is head over base of the medians of the same queries; `ratio_low` and `ratio_high` bound it at 95 %
    (bootstrap over queries). The samples are for drawing.
    """

    queries: int
    rounds: int
    base_p50_ms: float
    base_p95_ms: float
    head_p50_ms: float
    head_p95_ms: float
    ratio: float
    ratio_low: float
    ratio_high: float
    base_ms: tuple[float, ...]
    head_ms: tuple[float, ...]


class Spaces(msgspec.Struct, frozen=True, kw_only=True):
    """A fixed sample of passages in both embedding spaces.

    `neighbours_kept_at_10` is the mean share of a passage's ten nearest neighbours (cosine, within the sample) that are
    the same in both spaces: the number to go by. `base_xy` and `head_xy` are t-SNE maps of the same passages in the
    same order, for looking at; `groups` names a group for each passage, for its colour.
    """

    passages: int
    neighbours_kept_at_10: float
    base_xy: tuple[tuple[float, float], ...]
    head_xy: tuple[tuple[float, float], ...]
    groups: tuple[str, ...]


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """Base and head side by side on an ephemeral Elasticsearch.

    `base` is None for a new collection. `checks` are those of the head's own `verify` stage on the upgrade path;
    `confirmation` holds the server's disagreements with the plan's rules. `base_scores` and `head_scores` are scores of
    the first ten documents of every query, as a search would show them. `reasons` says why `verdict` isn't pass, each
    as `rule: sentence`; `found` holds the same with remedies.
    """

    server: str
    sample: SampleUse
    base: Side | None
    head: Side | None
    upgrade: tuple[str, ...]
    """The stages that the upgrade path walked, one line each, as the plan on this server explains them."""
    confirmation: tuple[Finding, ...]
    checks: tuple[Check, ...]
    comparison: Comparison | None
    latency: Latency | None
    spaces: Spaces | None
    base_scores: tuple[float, ...]
    head_scores: tuple[float, ...]
    seconds: dict[str, float]
    verdict: Verdict
    reasons: tuple[str, ...]
    found: tuple[Reason, ...] = ()
    fallback: MetricChange | None = None
    """The gate's metric by words alone, as the service answers when the model is slow or down."""
