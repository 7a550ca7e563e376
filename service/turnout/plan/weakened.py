"""What a change takes away from the proof that a release has to give: gates that got looser, judgments that are gone.
Called by `policy`."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Any, Literal

from turnout.plan.refusal import Refusal, or_override
from turnout.release.artifacts import CanaryGates, Evaluation, FileDigest, Gates, Release

GATES_WEAKENED = "gates-weakened"
JUDGMENTS_REMOVED = "judgments-removed"

Looser = Literal["lower", "higher", "other"]

# Which way each gate is looser. `alpha` goes both ways: greater, and a loss above max_loss passes more often; smaller,
# and a loss below it that is beyond chance passes. Another seed draws other queries and samples: a second try.
_OFFLINE: dict[str, Looser] = {
    "verify.attestation.min_cosine": "lower",
    "verify.placeholders.max_share": "higher",
    "verify.ann_recall.k": "lower",
    "verify.ann_recall.min": "lower",
    "verify.ann_recall.queries": "lower",
    "verify.quality.metric": "other",
    "verify.quality.max_loss": "higher",
    "verify.quality.alpha": "other",
    "verify.quality.min_queries": "lower",
    "verify.quality.seed": "other",
    "rehearsal.min_judged": "lower",
    "rehearsal.max_latency_ratio": "higher",
    "rehearsal.unnoticed_ms": "higher",
    "rehearsal.slices.max_loss": "higher",
    "rehearsal.slices.min_queries": "higher",  # smaller groups of queries aren't judged
    "canary.alpha": "lower",  # a smaller one needs more evidence before it stops a canary
    "canary.beta": "higher",
    "canary.unnoticed_ms": "higher",
    "slo.availability": "lower",
    "slo.latency.within_ms": "higher",
    "slo.latency.share": "lower",
}
_RATE: dict[str, Looser] = {"alpha_share": "lower", "tolerance": "higher", "margin": "higher", "floor": "higher"}
GATES: dict[str, Looser] = _OFFLINE | {
    f"canary.{metric}.{setting}": looser for metric in CanaryGates().rates for setting, looser in _RATE.items()
}
_WITH_DEFAULTS = {"rehearsal": "rehearsed", "canary": "judged", "slo": "promised"}


def weakened(base: Release, head: Release) -> Iterator[Refusal]:
    """Gates that are looser than in the base, judgments that the base had."""
    if loosened := tuple(_loosened(base.gates, head.gates)):
        yield Refusal(
            rule=GATES_WEAKENED,
            what=f"gates are looser than before, or may be: {', '.join(loosened)}",
            remedy=or_override("set them back", GATES_WEAKENED),
        )
    if gone := tuple(_gone(base.evaluation, head.evaluation)):
        yield Refusal(
            rule=JUDGMENTS_REMOVED,
            what=f"what a loss would be seen with is gone: {', '.join(gone)}",
            remedy=or_override("put them back", JUDGMENTS_REMOVED),
        )


def _loosened(base: Gates, head: Gates) -> Iterator[str]:
    for name, looser in GATES.items():
        before, after = _gate(base, name), _gate(head, name)
        if before != after and (looser == "other" or (after < before) == (looser == "lower")):
            yield f"{name} {before} -> {after}"


def _gate(gates: Gates, name: str) -> Any:
    """A gate's value, as given or by default."""
    kind, _, rest = name.partition(".")
    return attrgetter(f"{_WITH_DEFAULTS.get(kind, kind)}.{rest}")(gates)


def _gone(base: Evaluation | None, head: Evaluation | None) -> Iterator[str]:
    if base is None:
        return
    if head is None:
        yield f"the evaluation ({base.queries.entries} queries, {base.qrels.entries} judgments)"
        return
    pairs = (
        ("queries", base.queries, head.queries),
        ("judgments", base.qrels, head.qrels),
        ("documents of the sample", base.sample, head.sample),
    )
    for name, before, after in pairs:
        if _entries(after) < _entries(before):
            yield f"{name} {_entries(before)} -> {_entries(after)}"


def _entries(file: Any) -> int:
    return file.entries if isinstance(file, FileDigest) else 0
