"""What goes over HTTP, as types: decoding, replies and the OpenAPI document all come from these.

The bounds here are the widest ones; those of the release are narrower and are laid over them (`openapi`, `asked`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from turnout.release.artifacts import RetrievalMode

DegradedReason = Literal[
    "model_unavailable",  # the model could not be loaded
    "embedding_failed",  # it gave an error or a vector that can't be compared
    "embedding_slow",  # it took too large a part of the deadline
    "vector_search_failed",  # the nearest neighbours could not be had, the words could
    "elasticsearch_unavailable",  # a kept answer
]

# Written so that control characters, colons (the id's separator) and header tricks can't be tenants.
TENANT_PATTERN = r"^[A-Za-z0-9._@-]{1,128}$"

MAX_VALUES = 50
MAX_VALUE_CHARS = 256
FilterValue = Annotated[str, Meta(max_length=MAX_VALUE_CHARS)]
FilterValues = Annotated[list[FilterValue], Meta(min_length=1, max_length=MAX_VALUES)]


# JSON has one kind of number: 10.0 is the integer 10 there, and JSON Schema takes it for one.
Count = Annotated[int, Meta(ge=1)] | Annotated[float, Meta(ge=1, multiple_of=1)]


class SearchRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A search. Only `query` is needed; the release says what holds otherwise."""

    query: Annotated[str, Meta(min_length=1, pattern=r"\S", description="The words or the question.")]
    mode: Annotated[RetrievalMode | None, Meta(description="Default: the release's.")] = None
    k: Count | None = None
    filters: Annotated[
        dict[str, FilterValues],
        Meta(description="Per field, the values of which one must match. Only the release's filter fields."),
    ] = {}
    passages: Annotated[bool, Meta(description="Return the best passage of each hit.")] = False


class Passage(Struct, frozen=True, kw_only=True):
    """The best passage of a document. `highlights` are [start, end) in Unicode code points of `text`."""

    text: str
    highlights: list[tuple[int, int]]


class SearchHit(Struct, frozen=True, kw_only=True):
    """One document, by the id that its source gave it. Scores compare within one reply only."""

    id: str
    score: float
    title: str | None = None
    fields: dict[str, Any] = {}
    passage: Passage | None = None


class SearchReply(Struct, frozen=True, kw_only=True):
    """Hits, best first, and what answered.

    `mode` is the one that was used. `degraded` says why the answer is less than what was asked for; `stale` says
    that it was kept from before.
    """

    release: str
    view: str
    mode: RetrievalMode
    degraded: DegradedReason | None
    stale: bool
    took_ms: float
    hits: list[SearchHit]


class ShadowChange(Struct, frozen=True, kw_only=True):
    """A search whose first ten documents differ between this release and the other one.

    `search` stands for query, tenant and filters; it is another one in each pod and after each start. `overlap` is the
    share of the ten that both have, `moved` how many of these have another rank, `age_s` the seconds since. The rest is
    null where texts aren't shown: `gone` are the ids that only this release found, `came` those that only the other
    one did.
    """

    search: str
    other_release: str
    overlap: float
    moved: int
    age_s: float = 0.0
    query: str | None = None
    tenant: str | None = None
    gone: list[str] | None = None
    came: list[str] | None = None


class ShadowTable(Struct, frozen=True, kw_only=True):
    """The searches of the last hour that changed most, of those that this pod mirrored.

    `compared` counts since the start. `paused`: the other side is this very release, or of no use now.
    """

    on: bool
    paused: bool
    redacted: bool
    compared: int
    changes: list[ShadowChange]


class Problem(Struct, frozen=True, kw_only=True):
    """What went wrong, in the shape of RFC 9457: `detail` says what, `where` the place, `remedy` what to do next."""

    title: str
    status: int
    detail: str
    where: str = ""
    remedy: str = ""
    type: str = "about:blank"


class Health(Struct, frozen=True, kw_only=True):
    """The process is alive."""

    status: Literal["ok"] = "ok"


ReadyReason = Literal[
    "ready",
    "starting",
    "no_view",  # nothing serves the release's index fingerprint yet
    "view_not_complete",  # it is still being built, or was given up
    "view_gone",
    "release_not_ready",  # the release itself isn't verified yet, or its verification failed
    "quarantined",  # it failed on this cluster; it stays so, another release is the remedy
    "elasticsearch_unavailable",
    "attestation_refused",  # the model is not the one that filled the view
    "warmup_failed",
    "draining",
]


class Readiness(Struct, frozen=True, kw_only=True):
    """Whether searches may be sent here, why not, and what is missing all the same (`degraded`)."""

    ready: bool
    reason: ReadyReason
    detail: str
    release: str
    view: str | None
    degraded: str | None


class Version(Struct, frozen=True, kw_only=True):
    """What is served, by content."""

    version: str
    collection: str
    release: str
    embedding_fingerprint: str
    index_fingerprint: str
    query_fingerprint: str
    model: str
    view: str | None
    view_uuid: str | None
