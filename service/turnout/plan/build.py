"""Puts a plan together. Called by the `plan` and `apply` verbs."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from turnout.plan.change import Change, Difference, highest
from turnout.plan.differences import differences
from turnout.plan.estimate import Estimate, estimate
from turnout.plan.observed import Observed
from turnout.plan.refusal import Refusal
from turnout.plan.refusals import lift, refusals
from turnout.plan.stages import Stage, stages
from turnout.release.artifacts import Policy, Release

STRICT = Policy()


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that `turnout plan` says.

    `notes` are things to know that refuse nothing; `lifted` would be refused if no override allowed it.
    """

    collection: str
    base_id: str | None
    head_id: str
    change: Change
    differences: tuple[Difference, ...]
    stages: tuple[Stage, ...]
    estimate: Estimate
    refusals: tuple[Refusal, ...]
    notes: tuple[str, ...]
    lifted: tuple[Refusal, ...] = ()


def make_plan(
    base: Release | None,
    head: Release,
    observed: Observed,
    *,
    overrides: Collection[str] = (),
    policy: Policy = STRICT,
) -> Plan:
    """The plan that takes a collection from `base` to `head` on what was observed.

    Args:
        overrides: names of rules that may be broken today.
        policy: the rules of the repository; the strict ones unless it says otherwise.

    Raises:
        BadInput: base and head are of two collections.
    """
    found = differences(base, head)
    path = stages(head, observed, base=base, differences=found)
    cost = estimate(base, head, path, observed)
    refused, lifted = lift(refusals(base, head, path, cost, observed, policy=policy), overrides)
    return Plan(
        collection=head.collection,
        base_id=base.id if base else None,
        head_id=head.id,
        change=highest(found),
        differences=found,
        stages=path,
        estimate=cost,
        refusals=refused,
        notes=tuple(_notes(base, head, observed)),
        lifted=lifted,
    )


def _notes(base: Release | None, head: Release, observed: Observed) -> Iterator[str]:
    if not observed.known:
        yield "no cluster was asked: stages assume that the base release is live" if base else "no cluster was asked"
        return
    if base is not None and observed.live_release_id not in (base.id, head.id):
        yield f"live is {observed.live_release_id or 'nothing'}, not the base {base.id}; stages start from what is live"
    used = set(head.pipeline.retrieval.lexical_fields) | set(head.pipeline.retrieval.filter_fields)
    late = sorted(used & set(_multi_fields(head)))
    for view in observed.views:
        at = view.index_fingerprints
        if late and head.fingerprints.index in at[1:]:
            yield (
                f"{view.index} was changed in place since it was filled: multi-fields added so are not backfilled, "
                f"and searches use {', '.join(late)}"
            )


def _multi_fields(release: Release) -> Iterator[str]:
    for name, field in ((release.mapping.get("mappings") or {}).get("properties") or {}).items():
        if isinstance(field, dict):
            yield from (f"{name}.{child}" for child in field.get("fields") or {})
