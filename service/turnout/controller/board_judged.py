"""The gauges of what is judged of canaries. Called by `board` at each scrape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import get_args

from prometheus_client.core import GaugeMetricFamily

from turnout.canary.judgment import Verdict
from turnout.controller.judged import Judged

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
_OF = ("collection", "release", "rollouts_pod_template_hash")


def judgment_gauges(judged: Mapping[str, Judged]) -> Iterable[GaugeMetricFamily]:
    """The gauges, by collection: no series for a canary that nobody judged yet."""
    verdicts = GaugeMetricFamily(
        "turnout_canary_verdict",
        "The newest judgment of a canary: 1 for its verdict, 0 for the others",
        labels=(*_OF, "verdict"),
    )
    evidence = GaugeMetricFamily(
        "turnout_canary_evidence",
        "Decimal logarithm of the evidence against a canary (harm) or for it (safe), the greatest so far",
        labels=(*_OF, "metric", "question"),
    )
    needed = GaugeMetricFamily(
        "turnout_canary_evidence_needed",
        "How much evidence decides",
        labels=(*_OF, "metric", "question"),
    )
    for collection, (revision, judgment) in judged.items():
        if judgment is None:
            continue
        of = [collection, revision.release.id if revision.release is not None else "", revision.hash]
        for verdict in VERDICTS:
            verdicts.add_metric([*of, verdict], float(judgment.verdict == verdict))
        for each in judgment.evidence:
            for question, has, needs in (("harm", each.harm, each.harm_needed), ("safe", each.safe, each.safe_needed)):
                evidence.add_metric([*of, each.metric, question], has)
                needed.add_metric([*of, each.metric, question], needs)
    return verdicts, evidence, needed
