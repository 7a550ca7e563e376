"""How good a ranking is, and whether one is better than another: query sets, runs, metrics, statistics.

Called by verify before a release may go live and by the rehearsal of a pull request. Reads only; can't reach the
writer.
"""

from turnout.evaluation.comparing import compare
from turnout.evaluation.comparison import Comparison, MetricChange, QueryChange, SliceChange, Verdict
from turnout.evaluation.holm import holm
from turnout.evaluation.metrics import METRICS, Run, evaluate
from turnout.evaluation.power import minimum_detectable_loss, power_of
from turnout.evaluation.query_set import JudgedQuery, QuerySet, parse_query_set
from turnout.evaluation.runs import run

__all__ = [
    "METRICS",
    "Comparison",
    "JudgedQuery",
    "MetricChange",
    "QueryChange",
    "QuerySet",
    "Run",
    "SliceChange",
    "Verdict",
    "compare",
    "evaluate",
    "holm",
    "minimum_detectable_loss",
    "parse_query_set",
    "power_of",
    "run",
]
