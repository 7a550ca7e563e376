"""Reports of `turnout check` as they come, for tests and for looking at the page: one for each kind of ending."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from support.releases import make_release
from turnout.cost.result import Cost, Fill, Month, Sizes, Spread, WorstHour
from turnout.cost.result import Side as CostSide
from turnout.evaluation.comparison import Comparison, MetricChange, QueryChange, SliceChange
from turnout.gate.result import CheckReport, CollectionReport, GateFinding
from turnout.plan import Observed, ObservedView, Plan, make_plan
from turnout.rehearsal.result import Latency, Recall, Rehearsal, SampleUse, Side, Spaces
from turnout.verify import Check, Verdict

BASE = make_release("python-docs")
UPGRADE: dict[str, Any] = {
    "model": {"id": "all-minilm-l6-v2", "revision": "2", "dims": 16, "pooling": "cls"},
    "pipeline": {"chunk": {"size": 96}, "retrieval": {"num_candidates": 100}},
}
SLICES = ("builtins", "collections", "concurrency", "files and paths", "networking", "text", "time")
QUERIES = (
    "read a file line by line",
    "how to sort a dictionary by value",
    "run a subprocess and capture its output",
    "difference between deepcopy and copy",
    "parse an ISO 8601 date",
    "join two paths",
    "wait for several coroutines",
    "temporary directory that deletes itself",
)


WORDS_ALONE = MetricChange(
    metric="ndcg@10",
    base=0.284,
    head=0.281,
    gain=-0.003,
    gain_low=-0.009,
    gain_high=0.002,
    gate_low=-0.008,
    gate_high=0.001,
    p_harm=0.21,
    p_harm_holm=0.21,
    p_two_sided=0.42,
)


def observed() -> Observed:
    """A cluster on which the base release is live."""
    marks = BASE.fingerprints
    view = ObservedView(
        index="python-docs.v-1a2b3c",
        index_fingerprints=(marks.index,),
        embedding_fingerprint=marks.embedding,
        documents=3100,
        is_live=True,
        caught_up=True,
    )
    return Observed(
        known=True,
        documents=3100,
        sample_tokens=(40, 66, 130, 300),
        views=(view,),
        alias_targets=(view.index,),
        live_release_id=BASE.id,
    )


def upgrade_plan() -> Plan:
    """Another model: everything is embedded again."""
    return make_plan(BASE, make_release("python-docs", **UPGRADE), observed())


def operational_plan() -> Plan:
    """A rate limit a thousand times as high: nothing is written."""
    limit = {"requests_per_minute": 6_000_000, "tokens_per_minute": 10_000_000_000}
    return make_plan(BASE, make_release("python-docs", pipeline={"embed": {"rate_limit": limit}}), observed())


def cost(*, price: float = 0.02, limit: float = 1.0, new: bool = False, fills: bool = True) -> Cost:
    """The cost of a hosted model at `price` dollars; the head's rate limit is `limit` times the base's."""
    random = np.random.default_rng(7)
    fill = Fill(
        passages=Spread(p50=4960, p95=5220),
        tokens=Spread(p50=412_000, p95=431_000),
        requests=Spread(p50=311, p95=328),
        retried=Spread(p50=4, p95=17),
        money=Spread(p50=0.412 * price, p95=0.431 * price),
        hours=Spread(p50=0.21, p95=0.34),
    )
    sizes = Sizes(
        base_disk_bytes=None if new else 9_400_000,
        base_ram_bytes=None if new else 2_100_000,
        head_disk_bytes=12_800_000,
        head_ram_bytes=2_900_000,
        both_disk_bytes=22_200_000,
        both_ram_bytes=5_000_000,
        calibration=1.07,
    )
    return Cost(
        currency="USD",
        price_per_million_tokens=price,
        repetitions=1000,
        seed=20260101,
        base=None if new else _cost_side(BASE.id, random.lognormal(3.2, 0.18, 200), price, 1.0),
        head=_cost_side("r-head", random.lognormal(3.4, 0.22, 200), price, limit),
        backfill=fill if fills else None,
        sizes=sizes,
        assumptions=(
            "document lengths: 400 sampled documents",
            "change rate: declared in pipeline.yaml",
            "query rate: declared in pipeline.yaml",
            "errors of the provider: declared, 1 % of requests",
        ),
    )


def _cost_side(release_id: str, millions: np.ndarray, price: float, limit: float) -> CostSide:
    spend = np.sort(millions * price)
    return CostSide(
        release_id=release_id,
        month=Month(
            tokens=Spread(p50=float(np.median(millions)) * 1e6, p95=float(np.quantile(millions, 0.95)) * 1e6),
            money=Spread(p50=float(np.median(spend)), p95=float(np.quantile(spend, 0.95))),
            samples=tuple(spend.tolist()),
        ),
        worst_hour=WorstHour(tokens=6e7 * limit, requests=3.6e4 * limit, money=60 * price * limit),
    )


def comparison(*, gain: float = 0.03, verdict: Verdict = "pass", queries: int = 225) -> Comparison:
    """Two runs whose mean differs by about `gain`."""
    random = np.random.default_rng(3)
    base = np.clip(random.beta(1.3, 1.3, queries), 0, 1)
    base[: queries // 10] = 0.0
    moved = random.random(queries) < 0.7
    head = np.clip(base + moved * random.normal(gain / 0.7, 0.2, queries), 0, 1)
    names = [f"q{number:03}" for number in range(queries)]
    order = np.argsort(head - base)
    said = {"pass": "did not lose", "fail": "lost more than it may", "inconclusive": "may have lost more than it may"}
    return Comparison(
        metric="ndcg@10",
        verdict=verdict,
        reason=f"ndcg@10 {said[verdict]}: {float((head - base).mean()):+.3f}",
        queries=queries,
        excluded=2,
        metrics=tuple(_metric(name, base * scale, head * scale) for name, scale in METRIC_SCALES),
        slices=tuple(_slice(name, base[place::7], head[place::7]) for place, name in enumerate(SLICES)),
        judged_at_10_base=0.71,
        judged_at_10_head=0.69,
        detectable_loss=0.041,
        by_query={name: (float(one), float(two)) for name, one, two in zip(names, base, head, strict=True)},
        lost_most=tuple(_query(names, base, head, place) for place in order[:5]),
        gained_most=tuple(_query(names, base, head, place) for place in order[::-1][:5]),
        max_loss=0.02,
        slice_max_loss=0.05,
        alpha=0.05,
    )


METRIC_SCALES = (("ndcg@10", 1.0), ("mrr@10", 1.1), ("recall@10", 0.9), ("recall@100", 1.4))


def _metric(name: str, base: np.ndarray, head: np.ndarray) -> MetricChange:
    gain, error = float((head - base).mean()), float((head - base).std() / np.sqrt(len(base)))
    harm = float(np.clip(0.5 + gain / (4 * error + 1e-9), 0.0004, 1))
    return MetricChange(
        metric=name,
        base=float(base.mean()),
        head=float(head.mean()),
        gain=gain,
        gain_low=gain - 1.96 * error,
        gain_high=gain + 1.96 * error,
        gate_low=gain - 1.64 * error,
        gate_high=gain + 1.64 * error,
        p_harm=harm,
        p_harm_holm=min(1.0, 4 * harm),
        p_two_sided=min(1.0, 2 * harm),
    )


def _slice(name: str, base: np.ndarray, head: np.ndarray) -> SliceChange:
    found = _metric("ndcg@10", base, head)
    verdict: Verdict | None = "pass" if found.gain > -0.05 else "fail"
    return SliceChange(
        slice=name,
        queries=len(base),
        base=found.base,
        head=found.head,
        gain=found.gain,
        gain_low=found.gain_low,
        gain_high=found.gain_high,
        p_harm=found.p_harm,
        p_harm_holm=None if name == "time" else min(1.0, 6 * found.p_harm),
        verdict=None if name == "time" else verdict,
    )


def _query(names: list[str], base: np.ndarray, head: np.ndarray, place: int) -> QueryChange:
    text = QUERIES[place % len(QUERIES)]
    return QueryChange(query=names[place], text=text, base=float(base[place]), head=float(head[place]))


def rehearsal(*, compared: Comparison | None, verdict: Verdict = "pass", new: bool = False) -> Rehearsal:
    """A rehearsal on 800 documents that ended with `compared`."""
    random = np.random.default_rng(11)
    base_ms, head_ms = random.lognormal(1.6, 0.25, 600), random.lognormal(1.75, 0.28, 600)
    return Rehearsal(
        server="Elasticsearch 9.4.3",
        sample=SampleUse(digest="sha256:" + "0" * 64, listed=800, used=797, changed=12, missing=3),
        base=None if new else _side(BASE.id, 0.981, 0.7),
        head=_side("r-head", 0.963, 0.6),
        upgrade=(
            "create a view for x-0123456789abcdef",
            "backfill the new view with 797 documents, embedding each",
            "catch the new view up with documents",
            "verify the new view: attestation, parity, placeholders, ANN recall, judged quality",
            "flip the alias from rehearsal.v-1 to the new view",
        ),
        confirmation=(),
        checks=(
            Check(name="attestation", verdict="pass", reason="5 probes agree, the least cosine is 1.0000"),
            Check(name="parity", verdict="pass", reason="797 documents on both sides"),
            Check(name="ann_recall", verdict="pass", reason="recall@10 is 0.963, the gate asks for 0.9"),
        ),
        comparison=compared,
        latency=None if new else _latency(base_ms, head_ms),
        fallback=None if new else WORDS_ALONE,
        spaces=None if new else _spaces(random),
        base_scores=() if new else tuple(random.normal(0.62, 0.08, 2000).tolist()),
        head_scores=tuple(random.normal(0.55, 0.11, 2000).tolist()),
        seconds={"index": 41.0, "queries": 12.5},
        verdict=verdict,
        reasons=() if verdict == "pass" or compared is None else (compared.reason,),
    )


def _side(release_id: str, mean: float, least: float) -> Side:
    return Side(
        release_id=release_id,
        view=f"rehearsal.{release_id}",
        documents=797,
        passages=1264,
        disk_bytes=7_340_032,
        vector_disk_bytes=3_145_728,
        recall=Recall(k=10, queries=50, mean=mean, least=least),
        stage_seconds={"create-view": 0.4, "backfill": 18.2, "verify": 3.9},
    )


def _latency(base_ms: np.ndarray, head_ms: np.ndarray) -> Latency:
    return Latency(
        queries=60,
        rounds=10,
        base_p50_ms=float(np.median(base_ms)),
        base_p95_ms=float(np.quantile(base_ms, 0.95)),
        head_p50_ms=float(np.median(head_ms)),
        head_p95_ms=float(np.quantile(head_ms, 0.95)),
        ratio=1.16,
        ratio_low=1.12,
        ratio_high=1.21,
        base_ms=tuple(base_ms.tolist()),
        head_ms=tuple(head_ms.tolist()),
    )


def _spaces(random: np.random.Generator) -> Spaces:
    groups = [SLICES[number % len(SLICES)] for number in range(400)]
    centres = {name: random.normal(0, 25, 2) for name in SLICES}
    base = [tuple((centres[name] + random.normal(0, 6, 2)).tolist()) for name in groups]
    head = [tuple((centres[name][::-1] + random.normal(0, 5, 2)).tolist()) for name in groups]
    return Spaces(
        passages=400, neighbours_kept_at_10=0.42, base_xy=tuple(base), head_xy=tuple(head), groups=tuple(groups)
    )


def finding(**changes: Any) -> GateFinding:
    """A finding that stops a change, with `changes` laid over it."""
    values: dict[str, Any] = {
        "step": "policy",
        "rule": "rate-limit-raised",
        "verdict": "fail",
        "where": "pipelines/python-docs/pipeline.yaml:31",
        "what": "the worst hour can cost 1,200 USD, 1.20 USD before: 1,000 times as much",
        "remedy": "keep the rate limit, or add an override of rate-limit-raised with a reason and a day",
    }
    return GateFinding(**(values | changes))


LIFTED = finding(
    rule="cost-above-budget",
    verdict="pass",
    what="the backfill would cost 1.12 USD, budget.per_backfill is 1.00",
    remedy="raise budget.per_backfill, or add an override of cost-above-budget with a reason and a day",
    lifted_by="agreed with the owner of the budget for the upgrade of the model",
)
NOTE = finding(
    step="rehearsal",
    rule="sample-changed",
    verdict="pass",
    where="pipelines/python-docs/evaluation/sample.tsv",
    what="12 of 800 sampled documents have another content now",
    remedy="lock the collection again when the sample should follow",
)


def collection(**changes: Any) -> CollectionReport:
    """A model upgrade that passes, with `changes` laid over it."""
    plan = upgrade_plan()
    values: dict[str, Any] = {
        "collection": "python-docs",
        "change": plan.change.value,
        "base_id": plan.base_id,
        "head_id": plan.head_id,
        "verdict": "pass",
        "findings": (LIFTED, NOTE),
        "plan": plan,
        "cost": cost(),
        "rehearsal": rehearsal(compared=comparison()),
        "seconds": {"validate": 0.3, "plan": 0.2, "policy": 0.0, "cost": 2.1, "rehearsal": 84.0},
    }
    return CollectionReport(**(values | changes))


def report(*collections: CollectionReport, findings: tuple[GateFinding, ...] = ()) -> CheckReport:
    """A check of `collections`; its verdict is the worst of theirs and of the findings'."""
    found: set[str] = {item.verdict for item in (*collections, *findings)}
    verdict: Verdict = "fail" if "fail" in found else "inconclusive" if "inconclusive" in found else "pass"
    return CheckReport(
        base_ref="origin/main",
        base_commit="0123456789abcdef0123456789abcdef01234567",
        head="89abcdef0123456789abcdef0123456789abcdef + working tree",
        turnout="0.1.0",
        verdict=verdict,
        collections=collections,
        seconds=87.4,
        findings=findings,
    )


def passing() -> CheckReport:
    """A model upgrade that gains; one refusal is lifted."""
    return report(collection())


def failing_by_policy() -> CheckReport:
    """The incident: a rate limit a thousand times as high, stopped before any rehearsal."""
    plan = operational_plan()
    return report(
        collection(
            change=plan.change.value,
            head_id=plan.head_id,
            verdict="fail",
            plan=plan,
            findings=(finding(),),
            cost=cost(limit=1000.0, fills=False),
            rehearsal=None,
            seconds={"validate": 0.3, "plan": 0.2, "policy": 0.0, "cost": 2.1},
        )
    )


def failing_by_quality() -> CheckReport:
    """A wrong pooling: the ranking loses."""
    lost = comparison(gain=-0.12, verdict="fail")
    found = finding(
        step="rehearsal",
        rule="quality",
        where="pipelines/python-docs/gates.yaml",
        what=lost.reason,
        remedy="compare model.yaml with the model's own card: prefixes, pooling, normalisation",
    )
    return report(
        collection(verdict="fail", findings=(found,), rehearsal=rehearsal(compared=lost, verdict="fail")),
    )


def inconclusive() -> CheckReport:
    """Too few judgments to say anything."""
    few = comparison(gain=0.0, verdict="inconclusive", queries=24)
    found = finding(
        step="rehearsal",
        rule="quality",
        verdict="inconclusive",
        where="pipelines/python-docs/evaluation/qrels.tsv",
        what="24 judged queries are too few, the gate asks for 50",
        remedy="judge more queries",
    )
    ended = rehearsal(compared=few, verdict="inconclusive")
    return report(collection(verdict="inconclusive", findings=(found,), rehearsal=ended))


def deleted() -> CheckReport:
    """A collection that the pull request removes."""
    found = finding(
        rule="collection-deleted",
        where="pipelines/python-docs",
        what="the collection python-docs is deleted while its release may be live",
        remedy="retire its views first, or add an override of collection-deleted with a reason and a day",
    )
    return report(
        collection(
            change="deleted",
            head_id=None,
            verdict="fail",
            findings=(found,),
            plan=None,
            cost=None,
            rehearsal=None,
            seconds={"validate": 0.1},
        )
    )


def new() -> CheckReport:
    """The first release of a collection: there is no base."""
    alone = msgspec.structs.replace(
        comparison(),
        reason="no base to compare with; ndcg@10 is 0.512",
        metrics=(),
        slices=(),
        by_query={},
        lost_most=(),
        gained_most=(),
        judged_at_10_base=None,
        detectable_loss=None,
        values={"ndcg@10": 0.512, "mrr@10": 0.587, "recall@10": 0.449, "recall@100": 0.731},
    )
    plan = make_plan(None, make_release("tutorials"), Observed(known=False))
    return report(
        collection(
            collection="tutorials",
            change="new",
            base_id=None,
            head_id=plan.head_id,
            findings=(),
            plan=plan,
            cost=cost(price=0.0, new=True),
            rehearsal=rehearsal(compared=alone, new=True),
        )
    )


def environment() -> CheckReport:
    """Elasticsearch went away in the middle."""
    found = finding(
        step="environment",
        rule="unavailable",
        verdict="inconclusive",
        where="the ephemeral Elasticsearch",
        what="it stopped answering while the head release was filled",
        remedy="run the check again; look at the node's memory if it happens twice",
    )
    return report(collection(verdict="inconclusive", findings=(found,), rehearsal=None))


def everything() -> CheckReport:
    """Several collections, each with another ending."""
    made = (passing(), failing_by_quality(), failing_by_policy(), inconclusive(), deleted(), new(), environment())
    renamed = [
        msgspec.structs.replace(one.collections[0], collection=f"{one.collections[0].collection}-{number}")
        for number, one in enumerate(made)
    ]
    policy = finding(
        rule="policy-changed",
        verdict="pass",
        where="pipelines/policy.yaml",
        what="the policy itself changes with this pull request; the base's policy was used",
        remedy="have its owner look at it",
    )
    return report(*renamed, findings=(policy,))


def nothing() -> CheckReport:
    """No collection changed."""
    return report()
