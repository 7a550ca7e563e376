"""The analysis that ended a canary, or left it to a person: what it said, in a sentence. Pure; called by `look`.

A release is condemned for a verdict, never for a lack of one. Argo Rollouts (1.10) aborts in several ways and says
which only in `status.message`: `... analysis phase error/failed: <message of the run>` for an analysis, which may have
failed or only errored, a progress deadline, or nothing more if a person aborted. Old runs of the same pods stay listed.
So a run counts if it is of this pod template and of this revision number, its phase is Failed, and the abort quotes it.
What a judge measured is a whole judgment, of which the reason is told.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from turnout.controller.observed import FailedAnalysis
from turnout.controller.revisions import number
from turnout.kube.objects import HASH, AnalysisRun, MetricResult, ReplicaSet, Rollout

_BY_ANALYSIS = "analysis phase error/failed"
_TOLD = 200  # characters of what a provider answered; it may be a page of HTML
_REASON = 500  # characters of a judge's reason


class _Judgment(msgspec.Struct, frozen=True):
    verdict: str
    reason: str


def failed_analysis(rollout: Rollout, sets: Sequence[ReplicaSet], runs: Sequence[AnalysisRun]) -> FailedAnalysis | None:
    """The failed run that aborted the canary that the spec asks for; None if it wasn't aborted by one."""
    status = rollout.status
    is_canary = status.current_pod_hash not in ("", status.stable_rs)
    if not (status.abort and is_canary and _BY_ANALYSIS in status.message):
        return None
    of = next((each for each in sets if each.metadata.labels[HASH] == status.current_pod_hash), None)
    revision = number(of.metadata.annotations) if of else 0
    guilty = [run for run in runs if _is_guilty(run, rollout, revision)]
    if not guilty:
        return None
    run = max(guilty, key=lambda each: (each.metadata.creation_timestamp, each.metadata.name))
    metric = next((each for each in run.status.metric_results if each.phase == "Failed"), None)
    return FailedAnalysis(run=run.metadata.name, metric=metric.name if metric else "", reason=_reason(run, metric))


def inconclusive_analysis(rollout: Rollout, runs: Sequence[AnalysisRun]) -> str:
    """What the analysis said that paused the Rollout for want of evidence; empty if none did."""
    status = rollout.status
    if not any("Inconclusive" in condition.reason for condition in status.pause_conditions):
        return ""
    undecided = [run for run in runs if run.status.phase == "Inconclusive" and _is_of(run, rollout)]
    if not undecided:
        return ""
    run = max(undecided, key=lambda each: (each.metadata.creation_timestamp, each.metadata.name))
    for metric in run.status.metric_results:
        if metric.phase == "Inconclusive":
            last = next((each for each in reversed(metric.measurements) if each.phase == "Inconclusive"), None)
            said = _judged(last.value) if last is not None else ""
            return f"{metric.name} of {run.metadata.name}" + (f": {said}" if said else "")
    return ""


def _is_guilty(run: AnalysisRun, rollout: Rollout, revision: int) -> bool:
    return (
        run.status.phase == "Failed"
        and _is_of(run, rollout)
        and number(run.metadata.annotations) in (0, revision)
        and run.status.message in rollout.status.message
    )


def _is_of(run: AnalysisRun, rollout: Rollout) -> bool:
    """Whether a run is about the pods that the spec asks for."""
    meta = run.metadata
    is_owned = any(owner.uid == rollout.metadata.uid for owner in meta.owner_references)
    return is_owned and meta.labels.get(HASH) == rollout.status.current_pod_hash


def _reason(run: AnalysisRun, metric: MetricResult | None) -> str:
    """One sentence: the run, its metric, what was measured, and why that is a failure."""
    if metric is None:
        return f"analysis {run.metadata.name} failed: {run.status.message or 'it names no metric'}"
    measured = next((each for each in reversed(metric.measurements) if each.phase == "Failed"), None)
    if measured is not None and (judged := _judged(measured.value)):
        return f"analysis {run.metadata.name} failed, for its metric {metric.name}: {judged}"
    value = f" measured {_short(measured.value)}" if measured is not None and measured.value else ""
    said = (measured.message if measured is not None else "") or metric.message or run.status.message
    because = f": {_short(said)}" if said else ""
    return f"analysis {run.metadata.name} failed, for its metric {metric.name}{value}{because}"


def _judged(value: str) -> str:
    """The reason within a judgment; empty if it isn't one."""
    try:
        return _short(msgspec.json.decode(value, type=_Judgment).reason, _REASON)
    except (msgspec.DecodeError, RecursionError):  # ValidationError is a DecodeError, too
        return ""


def _short(text: str, longest: int = _TOLD) -> str:
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[:longest]}..."
