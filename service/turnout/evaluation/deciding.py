"""What the changes mean: pass, fail or not enough evidence, each with its reason in one sentence.

The rules are here and nowhere else. Called by `turnout.evaluation.comparing`, by verify's quality check, and by
`turnout.evaluation.power`, which asks how often they find a loss that is there.
"""

from __future__ import annotations

from collections.abc import Sequence

from turnout.evaluation.comparison import MetricChange, SliceChange, Verdict
from turnout.release.artifacts import QualityGate

Decision = tuple[Verdict, str]

SLICES_SHARE = 0.25
"""How much of alpha the slices of a comparison may use up; the metrics have the rest.

alpha is meant for the whole comparison: how often two systems of equal quality fail. With all of it for the metrics and
again for the slices that was 0.021 at an alpha of 0.01 (two real rankings dealt at random, tests/bench), with these
shares it is 0.011. What it costs: a loss must be 5 % larger to be found in the mean, an eighth larger in a slice.
"""

_CLOSE = 0.05  # judged@10 of two runs that differ by less is alike
_ROUNDING = 1e-9


def too_few(queries: int, gate: QualityGate) -> str | None:
    """Why `queries` judged queries are not enough, or None if they are."""
    if queries >= max(1, gate.min_queries):
        return None
    return (
        f"{queries} judged queries are too few to judge {gate.metric} by, the gate asks for {gate.min_queries}: "
        "judge more queries"
    )


def metrics_level(gate: QualityGate, slices: Sequence[SliceChange]) -> float:
    """What the p-values of the metrics are held against: alpha, less what the slices use if any is judged."""
    judged = any(change.verdict is not None for change in slices)
    return (1 - SLICES_SHARE) * gate.alpha if judged else gate.alpha


def is_loss(change: MetricChange, level: float) -> bool:
    """A loss of any size that is beyond chance, though as many metrics were looked at."""
    return change.gain < 0 and change.p_harm_holm <= level


def is_loss_beyond_margin(change: MetricChange, level: float, *, gate: QualityGate) -> bool:
    """The gate's metric lost more than it may, beyond chance on its own.

    It is named before anything is measured, so this rule takes no correction. The interval and the test must agree: on
    skewed differences the interval alone errs a little more often than alpha.
    """
    return change.gain < -gate.max_loss and change.gate_high < 0 and change.p_harm <= level


def decide_metrics(
    metrics: Sequence[MetricChange], gate: QualityGate, *, slices: Sequence[SliceChange] = ()
) -> Decision:
    """The verdict of the metrics: the gate's own first, then the one that is worst beyond chance.

    Args:
        slices: those of the same comparison; they leave less of alpha to the metrics.
    """
    level = metrics_level(gate, slices)
    decisive = next(change for change in metrics if change.metric == gate.metric)
    values = _values(decisive, gate)
    if is_loss(decisive, level):
        return "fail", f"{values}, which is worse beyond chance ({_p(decisive.p_harm_holm)}): {_LOOK}"
    if is_loss_beyond_margin(decisive, level, gate=gate):
        return "fail", (
            f"{values}, a loss of more than {gate.max_loss:.3f} and worse beyond chance ({_p(decisive.p_harm)}): "
            f"{_LOOK}"
        )
    others = [change for change in metrics if is_loss(change, level)]
    if others:
        worst = min(others, key=lambda change: change.p_harm_holm)
        return "fail", f"{_values(worst, gate)}, which is worse beyond chance ({_p(worst.p_harm_holm)}): {_LOOK}"
    if decisive.gate_low >= -gate.max_loss:
        return "pass", f"{values}, above the allowed {-gate.max_loss:+.3f}"
    return "inconclusive", (
        f"{values}, so a loss of more than {gate.max_loss:.3f} can't be ruled out: "
        "judge more queries or find out what the losing ones have in common"
    )


def decide_slices(slices: Sequence[SliceChange], gate: QualityGate) -> Decision | None:
    """A fail that names the worst slice, or None if none fails."""
    lost = sorted((change for change in slices if change.verdict == "fail"), key=lambda change: change.gain)
    if not lost:
        return None
    worst = lost[0]
    more = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
    return "fail", (
        f"in the slice {worst.slice!r}{more} {gate.metric} goes from {worst.base:.3f} to {worst.head:.3f} over "
        f"{worst.queries} queries (95 % interval of the change {worst.gain_low:+.3f} to {worst.gain_high:+.3f}), "
        f"which is worse beyond chance ({_p(worst.p_harm_holm or 0.0)}): look at what its queries have in common"
    )


def too_little_judged(share: float | None, least: float, metric: str) -> str | None:
    """Why the judgments say too little about the head's first ten documents, or None if they say enough."""
    if share is not None and share >= least - _ROUNDING:
        return None
    seen = "nothing was found that could be" if share is None else f"{100 * share:.0f} % of its first ten documents are"
    return (
        f"{metric} of the head can't be trusted, for {seen} judged and the gate asks for {100 * least:.0f} %: "
        "judge what the head finds and add it to qrels.tsv"
    )


def unevenly_judged(base: float | None, head: float | None) -> str | None:
    """A caution if the judgments know one side's documents better: what has no judgment counts as not relevant."""
    if base is None or head is None or abs(head - base) <= _CLOSE + _ROUNDING:
        return None
    worse = "head" if head < base else "base"
    return (
        f"judged@10 is {base:.2f} for the base and {head:.2f} for the head, so the {worse} may be better than it "
        f"looks: judge what the {worse} finds"
    )


_LOOK = "look at the queries that lost most"


def _values(change: MetricChange, gate: QualityGate) -> str:
    return (
        f"{change.metric} goes from {change.base:.3f} to {change.head:.3f} "
        f"({100 * (1 - 2 * gate.alpha):g} % interval of the change {change.gate_low:+.3f} to {change.gate_high:+.3f})"
    )


def _p(p: float) -> str:
    return f"p = {p:.4f}" if p >= 0.0001 else "p < 0.0001"
