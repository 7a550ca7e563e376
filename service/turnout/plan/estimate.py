"""What the stages will take: documents, tokens, time, money, disk and memory. None means unknown, never a guess."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from turnout.plan import throughput
from turnout.plan.observed import Observed
from turnout.plan.sizes import index_type, vector_field, vector_size
from turnout.plan.stages import Backfill, Stage
from turnout.release.artifacts import Release

_SPECIAL_TOKENS = 2  # [CLS] and [SEP] around every passage
_CHARS_PER_TOKEN = 4
TOKEN_RULE = f"a token is taken for {_CHARS_PER_TOKEN} characters"


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan costs. All None without a cluster to look at; all zero when nothing is filled.

    `backfill_seconds` is a median, on the measured throughput or the provider's rate limit, whichever is slower
    (`bound_by`). Sizes are of vectors alone, replicas included; `coexisting_*` is the new view and the live one.
    """

    documents: int | None
    passages: int | None
    tokens: int | None
    backfill_seconds: float | None
    bound_by: Literal["nothing", "throughput", "rate limit", "unknown"]
    cost: float | None
    currency: str
    provider_requests: int | None
    rate_limit_seconds: float | None
    new_vectors_disk_bytes: int | None
    new_vectors_ram_bytes: int | None
    coexisting_vectors_disk_bytes: int | None
    coexisting_vectors_ram_bytes: int | None
    sampled_documents: int
    assumptions: tuple[str, ...]


class _Volume(msgspec.Struct, frozen=True):
    passages: int | None
    tokens: int | None


def estimate(base: Release | None, head: Release, stages: Iterable[Stage], observed: Observed) -> Estimate:
    """What walking `stages` takes; `base` is the release whose view stays beside the new one."""
    backfill = next((stage for stage in stages if isinstance(stage, Backfill)), None)
    if backfill is None:
        return _nothing(head)
    volume = _volume(head, observed)
    embedded = volume if backfill.mode == "embed" else _Volume(volume.passages, 0)
    requests = _requests(head, embedded, backfill)
    limited = _rate_limit_seconds(head, embedded, requests)
    working = _working_seconds(head, volume, embedded)
    seconds = max(working, limited) if working is not None and limited is not None else None
    old = _volume(base, observed) if base is not None and observed.live_view is not None else _Volume(0, 0)
    return Estimate(
        documents=observed.documents,
        passages=volume.passages,
        tokens=embedded.tokens,
        backfill_seconds=seconds,
        bound_by=_bound(working, limited),
        cost=None if embedded.tokens is None else embedded.tokens / 1e6 * head.model.price.per_million_tokens,
        currency=head.model.price.currency,
        provider_requests=requests,
        rate_limit_seconds=limited,
        sampled_documents=len(observed.sample_tokens),
        assumptions=_assumptions(head, backfill, volume),
        **_sizes(base, head, old, volume),
    )


def _nothing(head: Release) -> Estimate:
    return Estimate(
        documents=0,
        passages=0,
        tokens=0,
        backfill_seconds=0.0,
        bound_by="nothing",
        cost=0.0,
        currency=head.model.price.currency,
        provider_requests=0,
        rate_limit_seconds=0.0,
        new_vectors_disk_bytes=0,
        new_vectors_ram_bytes=0,
        coexisting_vectors_disk_bytes=0,
        coexisting_vectors_ram_bytes=0,
        sampled_documents=0,
        assumptions=(),
    )


def passages_of(tokens: int, release: Release) -> int:
    """How many passages a text of so many tokens is cut into; none for an empty text."""
    chunk = release.pipeline.chunk
    if tokens == 0:
        return 0
    if tokens <= chunk.size:
        return 1
    step = max(1, chunk.size - chunk.overlap)
    return min(chunk.max_passages, 1 + math.ceil((tokens - chunk.size) / step))


def _tokens_embedded(tokens: int, release: Release) -> int:
    """Tokens that the model sees: overlaps twice, special tokens and the prefix once per passage."""
    passages = passages_of(tokens, release)
    chunk = release.pipeline.chunk
    text = min(tokens + chunk.overlap * max(0, passages - 1), passages * chunk.size)
    prefix = math.ceil(len(release.model.prefixes.passage) / _CHARS_PER_TOKEN)
    return text + passages * (_SPECIAL_TOKENS + prefix)


def _volume(release: Release, observed: Observed) -> _Volume:
    if observed.documents == 0:
        return _Volume(0, 0)
    sample: Sequence[int] = observed.sample_tokens
    if observed.documents is None or not sample:
        return _Volume(None, None)
    share = observed.documents / len(sample)
    passages = sum(passages_of(tokens, release) for tokens in sample)
    tokens = sum(_tokens_embedded(tokens, release) for tokens in sample)
    return _Volume(round(passages * share), round(tokens * share))


def _requests(head: Release, embedded: _Volume, backfill: Backfill) -> int | None:
    if backfill.mode == "copy":
        return 0
    if embedded.passages is None or embedded.tokens is None:
        return None
    embed = head.pipeline.embed
    by_texts = math.ceil(embedded.passages / max(1, embed.batch_size))
    if not head.model.hosted:
        return by_texts
    # A request is cut at the tokens that may go at once, too.
    at_once = max(1, int(embed.rate_limit.tokens_per_minute * throughput.BURST_SHARE))
    return max(by_texts, min(embedded.passages, math.ceil(embedded.tokens / at_once)))


def _rate_limit_seconds(head: Release, embedded: _Volume, requests: int | None) -> float | None:
    if requests is None or embedded.tokens is None:
        return None
    limit = head.pipeline.embed.rate_limit
    minutes = max(requests / max(1, limit.requests_per_minute), embedded.tokens / max(1, limit.tokens_per_minute))
    return minutes * 60 / (1 - throughput.BURST_SHARE if head.model.hosted else 1)


def _working_seconds(head: Release, volume: _Volume, embedded: _Volume) -> float | None:
    if volume.passages is None or embedded.tokens is None:
        return None
    hnsw = index_type(vector_field(head)).endswith("hnsw")
    rate = throughput.WRITE_VECTORS_PER_SECOND_HNSW if hnsw else throughput.WRITE_VECTORS_PER_SECOND_FLAT
    writing = volume.passages / rate
    if embedded.tokens == 0 or head.model.hosted:
        return writing
    runtime = head.model.runtime
    tokens_per_second = throughput.EMBED_TOKENS_PER_SECOND.get((runtime.name, runtime.precision))
    return None if tokens_per_second is None else writing + embedded.tokens / tokens_per_second


def _bound(working: float | None, limited: float | None) -> Literal["nothing", "throughput", "rate limit", "unknown"]:
    if working is None or limited is None:
        return "unknown"
    if working == limited == 0:
        return "nothing"
    return "rate limit" if limited > working else "throughput"


def _sizes(base: Release | None, head: Release, old: _Volume, new: _Volume) -> dict[str, int | None]:
    size = vector_size(head, new.passages) if new.passages is not None else None
    kept = vector_size(base, old.passages) if base is not None and old.passages is not None else None
    beside_disk, beside_ram = (kept.disk_bytes, kept.ram_bytes) if kept else (0, 0)
    return {
        "new_vectors_disk_bytes": size.disk_bytes if size else None,
        "new_vectors_ram_bytes": size.ram_bytes if size else None,
        "coexisting_vectors_disk_bytes": size.disk_bytes + beside_disk if size else None,
        "coexisting_vectors_ram_bytes": size.ram_bytes + beside_ram if size else None,
    }


def _assumptions(head: Release, backfill: Backfill, volume: _Volume) -> tuple[str, ...]:
    if volume.passages is None:
        return ("no documents could be looked at, so volume, time and cost are unknown",)
    found = [f"time: {throughput.SOURCE}", f"volume: {TOKEN_RULE}", "sizes: vectors only"]
    if head.model.hosted and backfill.mode == "embed":
        found.append(throughput.HOSTED)
    if backfill.mode == "copy":
        found.append("all vectors are found in the view they are copied from")
    return tuple(found)
