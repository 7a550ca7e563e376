"""How good a ranking is, and whether one is better than another: query sets, runs, metrics, statistics.

Called by verify before a release may go live. Reads only; can't reach the writer.
"""

from turnout.evaluation.metrics import METRICS, Run, evaluate
from turnout.evaluation.query_set import JudgedQuery, QuerySet, parse_query_set
from turnout.evaluation.runs import run

__all__ = ["METRICS", "JudgedQuery", "QuerySet", "Run", "evaluate", "parse_query_set", "run"]
