"""Why a rehearsal isn't a pass, in sentences that say which it is: index, model quality, slice or latency. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from turnout.confirm import Finding
from turnout.evaluation import Comparison, MetricChange, QuerySet
from turnout.rehearsal.result import Latency, Reason, Recall, SampleUse
from turnout.release.artifacts import Gates, Release
from turnout.verify import Check, Verdict

MOST_DIFFERENT = 0.1
"""Largest share of the list that may be missing or have another content: beyond it the judgments are about others."""
_CLEAR = 0.01  # of ANN recall: less is as good as none
_DRAW = "draw one with `turnout lock COLLECTION --sample N` and commit it"
_CHECKS = {
    "attestation": ("model", "run the model that the release describes"),
    "parity": ("index", "see whether documents are refused, and whether something else writes to the view"),
    "placeholders": ("index", "raise chunk.max_passages or limits, or let long texts be truncated"),
    "ann_recall": ("index (ANN)", "raise num_candidates, m or ef_construction, or take a finer quantisation"),
    "quality": ("model quality", "look at the queries that lost most"),
}


def worst(reasons: Iterable[Reason]) -> Verdict:
    """What all reasons come to."""
    verdicts = {reason.verdict for reason in reasons}
    return "fail" if "fail" in verdicts else "inconclusive" if "inconclusive" in verdicts else "pass"


def of_sample(use: SampleUse, *, named: bool) -> Iterator[Reason]:
    """No list, none of its documents, or too many others."""
    if not named:
        what = "the release names no sample of documents, so there is nothing to rehearse with"
        yield Reason(rule="no-sample", verdict="inconclusive", what=what, remedy=_DRAW)
    elif not use.used:
        what = f"none of the {use.listed} documents of the sample is in the source"
        remedy = f"check the source of pipeline.yaml, or {_DRAW}"
        yield Reason(rule="empty-sample", verdict="inconclusive", what=what, remedy=remedy)
    elif use.changed + use.missing > MOST_DIFFERENT * use.listed:
        what = (
            f"of {use.listed} documents of the sample {use.changed} have another content, {use.missing} are missing: "
            f"together more than {MOST_DIFFERENT:.0%}, so that the judgments may be about others"
        )
        remedy = "rehearse with the source that the sample was drawn from, or draw the sample anew and look at it"
        yield Reason(rule="sample-changed", verdict="inconclusive", what=what, remedy=remedy)


def of_queries(query_set: QuerySet | None) -> Iterator[Reason]:
    """Without questions there is no answer."""
    if query_set is None:
        what = "the collection has no query set, so nobody can tell which release ranks better"
        remedy = "write evaluation/queries.jsonl and qrels.tsv, and lock"
        yield Reason(rule="no-query-set", verdict="inconclusive", what=what, remedy=remedy)


def of_model(release: Release, rule: str, wrong: Iterable[str]) -> Iterator[Reason]:
    """What speaks against loading a model (rule `model`), or that of the base, which isn't the head's fault."""
    if rule == "model":
        remedy = (
            "correct model.yaml and lock (`turnout model show` prints what the files say), or prepare the right model"
        )
        for what in wrong:
            yield Reason(rule=rule, verdict="fail", what=f"model {release.model.id}: {what}", remedy=remedy)
        return
    for what in wrong:
        said = f"the base can't be rehearsed, so there is nothing to compare with: {what}"
        yield Reason(rule=rule, verdict="inconclusive", what=said, remedy="put the base's model into the store")


def base_not_built(what: str) -> Reason:
    """The server doesn't take what is live elsewhere."""
    return Reason(
        rule="base-not-built",
        verdict="inconclusive",
        what=f"the base can't be built on this server, so there is nothing to compare with: {what}",
        remedy="rehearse on a server of the version that the base runs on, with the model that it was released with",
    )


def of_confirmation(findings: Sequence[Finding]) -> Iterator[Reason]:
    """What the server does otherwise than the plan's rules say."""
    for finding in findings:
        what = f"mapping: {finding.path}: {finding.what}"
        yield Reason(rule=f"confirm-{finding.rule}", verdict="fail", what=what, remedy=finding.remedy)


def of_checks(checks: Sequence[Check], comparison: Comparison | None) -> Iterator[Reason]:
    """The head's own verification. Quality is judged by the comparison, if there is one.

    Both judge the same rankings, but only the comparison leaves a part of alpha to the slices: with a second judgment
    at all of alpha, equal systems would fail more often than the gate says.
    """
    for check in checks:
        if check.verdict == "pass" or (check.name == "quality" and comparison is not None):
            continue
        part, remedy = _CHECKS.get(check.name, (check.name, "see the report"))
        name = check.name.replace("_", "-")
        yield Reason(rule=name, verdict=check.verdict, what=f"{part}: {check.reason}", remedy=remedy)


def of_comparison(
    comparison: Comparison | None, base: Recall | None, head: Recall | None, gates: Gates
) -> Iterator[Reason]:
    """A loss in what users see, with a word on whether the index may have a part in it."""
    if comparison is None or comparison.verdict == "pass":
        return
    whole = comparison.reason
    rule, part = "quality", "model quality"
    if any(each.verdict == "fail" and f"the slice {each.slice!r}" in whole for each in comparison.slices):
        rule, part = "slice", "slice"
    if comparison.verdict == "fail" and head is not None:
        before = f", {base.mean:.3f} of the base" if base else ""
        part_of_index = "may have a part in it" if _index_lost(base, head, gates) else "is not the cause"
        whole += f" (the index {part_of_index}: ANN recall is {head.mean:.3f}{before})"
    remedy = "look at the queries that lost most; judge more of them if the evidence is not enough"
    yield Reason(rule=rule, verdict=comparison.verdict, what=f"{part}: {whole}", remedy=remedy)


def of_nothing(comparison: Comparison | None, reasons: Sequence[Reason]) -> Iterator[Reason]:
    """No data never passes: nothing was compared, and nothing says why."""
    if comparison is None and worst(reasons) == "pass":
        what = "nothing was compared, and nothing says why: the head has no view that could be asked"
        yield Reason(rule="not-compared", verdict="inconclusive", what=what, remedy="report this with the report")


def of_fallback(change: MetricChange | None, gates: Gates) -> Iterator[Reason]:
    """Only what surely loses more than the gate allows: it is what is served in need, and it must still be there."""
    most = gates.verify.quality.max_loss
    if change is not None and change.gate_high < -most:
        what = (
            f"word search alone, which answers when the model is slow or down: {change.metric} goes from "
            f"{change.base:.3f} to {change.head:.3f}, surely a loss of more than {most:.3f}"
        )
        remedy = "mend the analysis of texts and queries, or what is in retrieval.lexical_fields"
        yield Reason(rule="fallback", verdict="fail", what=what, remedy=remedy)


def of_latency(latency: Latency | None, gates: Gates) -> Iterator[Reason]:
    """Only what is surely slower, and slow enough that somebody waits."""
    most, unnoticed = gates.rehearsed.max_latency_ratio, gates.rehearsed.unnoticed_ms
    if latency is not None and latency.ratio_low > most and latency.head_p50_ms >= unnoticed:
        what = (
            f"latency: the head takes {latency.ratio:.2f} times as long as the base "
            f"({latency.ratio_low:.2f} to {latency.ratio_high:.2f} at 95 %), the gate allows {most:.2f}; "
            f"half of its searches take more than {latency.head_p50_ms:.0f} ms"
        )
        remedy = "lower num_candidates or rank_window, take a faster model, or raise max_latency_ratio in gates.yaml"
        yield Reason(rule="latency", verdict="fail", what=what, remedy=remedy)


def _index_lost(base: Recall | None, head: Recall, gates: Gates) -> bool:
    return head.mean < gates.verify.ann_recall.min or (base is not None and head.mean < base.mean - _CLEAR)
