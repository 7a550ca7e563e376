"""*Cost and drift*: what a hosted model costs, and what changes in what users ask and get. Used by `every`."""

from __future__ import annotations

from turnout.dashboards.panels import Dashboard, Panel, Query, Section
from turnout.dashboards.promql import OURS, mean, newest, serving, total

_NO_HOSTED = "no hosted model"
_NO_SHADOW = "no searches are mirrored"
_FEW_QUERIES = "it takes a model, 200 queries in an hour, and a day before it"
_FEW_SEARCHES = "it takes 100 searches in an hour, and 1,000 in the week before it"
# Search pods name their release only, followers and backfills their collection.
_OF_A_POD = '{collection=""}'
_BILLED = f"embedding_cost_total{_OF_A_POD}"
_QUERIES = serving('increase(query_projection_total{projection="0"}[1h])')


def _money(period: str, over: str) -> str:
    """As the alerts count it: a sample each minute of money a second."""
    return f'sum_over_time(release:embedding_cost:rate10m{{{OURS}, period="{period}"}}[{over}]) * 60'


_MONTH = f"sum by (collection, currency) ({_money('month', '30d')})"
_BY_RELEASE = "collection, release, currency"
_BACKFILL = f"max by ({_BY_RELEASE}) ({_money('backfill', '30d')})"
_FOR_BACKFILL = f'max by ({_BY_RELEASE}) (turnout_budget{{{OURS}, period="backfill"}})'
_TOKENS = "rate(embedding_tokens_total{}[$__rate_interval])"

_COST = Section(
    "Cost of a hosted model",
    (
        Panel(
            "Spent of the budgets",
            "percentunit",
            "What was billed, as a share of the budgets of pipeline.yaml: in the last 30 days of the month's, and for"
            " each release of a backfill's. Worry above 80 %: at the limit nothing more is embedded, searches fall back"
            " to words, and views stop.",
            (
                Query(
                    f"{_MONTH} / on (collection, currency) collection_currency:turnout_budget_month:min{{{OURS}}}",
                    "month",
                ),
                Query(f"{_BACKFILL} / {_FOR_BACKFILL}", "backfill {{release}}"),
            ),
            limit=1.0,
            quiet=_NO_HOSTED,
            every_s=300.0,
        ),
        Panel(
            "Billed in the last hour",
            "short",
            "Money, in the currency of the budget in pipeline.yaml. Worry about a sudden rise: somebody asks or writes"
            " much, or a backfill embeds what it should reuse.",
            (
                Query(f"sum by (currency) ({_money('month', '1h')})", "{{currency}} users and followers"),
                Query(f"sum by (currency) ({_money('backfill', '1h')})", "{{currency}} backfill"),
            ),
            quiet=_NO_HOSTED,
        ),
        Panel(
            "Tokens",
            "short",
            "Tokens sent to the hosted model each second: by searches, and by followers and backfills for each view."
            " They are what is billed.",
            (
                Query(f"sum by (release) {serving(_TOKENS.format(_OF_A_POD))}", "searches {{release}}"),
                Query(f"sum by (view) ({_TOKENS.format(f'{{{OURS}}}')})", "{{view}}"),
            ),
            quiet=_NO_HOSTED,
        ),
        Panel(
            "Budgets",
            "short",
            "The limits of pipeline.yaml: for a month, and for one backfill.",
            (Query(newest("turnout_budget", by="period, currency"), "{{period}} {{currency}}"),),
            width=12,
            height=6,
        ),
        Panel(
            "Billed in all",
            "short",
            "Money since the processes started that count it, by release. It begins again at 0 when they restart.",
            (
                Query(f"sum by (release, currency) {serving(_BILLED)}", "{{currency}} searches {{release}}"),
                Query(f"sum by (view, currency) (embedding_cost_total{{{OURS}}})", "{{currency}} {{view}}"),
            ),
            quiet=_NO_HOSTED,
            width=12,
            height=6,
        ),
    ),
)

_DRIFT = Section(
    "What users ask, and what they get",
    (
        Panel(
            "Drift of queries",
            "short",
            "Population stability index of the last hour's queries against the week before, for each projection of"
            " their vectors. Below 0.1 is normal; above 0.25 users ask something else: see whether one client asks"
            " much, and whether the query set still stands for what is asked.",
            (Query(newest("turnout:query_psi:1h", by="projection"), "projection {{projection}}"),),
            limit=0.25,
            quiet=_FEW_QUERIES,
        ),
        Panel(
            "Searches without a hit",
            "percentunit",
            "Share of the last hour's searches that found nothing; dashed, of the week before. Worry if it is twice"
            " as much: documents are missing, or a filter or a tenant is new.",
            (
                Query(newest("turnout:search_unanswered:share1h", by="collection"), "last hour"),
                Query(newest("turnout:search_unanswered:week_before", by="collection"), "week before", dashed=True),
            ),
            quiet=_FEW_SEARCHES,
        ),
        Panel(
            "Loss of judged quality",
            "short",
            "What the query set said when the release was promoted, less what it says now. The release is the same, so"
            " documents changed, or their judgments are old. Worry above 0.02.",
            (Query(newest("turnout_judged_quality_loss", by="release, metric"), "{{metric}} {{release}}"),),
            limit=0.02,
            quiet="the collection has no query set, or nobody asked it since the promotion",
        ),
        Panel(
            "Where queries lie",
            "percentunit",
            "Share of the last hour's queries in each tenth of the first projection of their vectors. The drift is"
            " computed from it; a change of its shape shows which way users went.",
            (
                Query(
                    f"sum by (bin) {_QUERIES} / on () group_left () (sum {_QUERIES} > 0)",
                    "bin {{bin}}",
                ),
            ),
            quiet="the collection searches by words only",
        ),
        Panel(
            "Overlap with the other release",
            "percentunit",
            "For mirrored searches, the share of the first ten documents that stable and canary have in common, on"
            " average. It tells how much users would notice, not which is better. Worry if it is far below what the"
            " rehearsal said.",
            (Query(mean("search_shadow_overlap", by="release, other_release"), "{{release}} and {{other_release}}"),),
            quiet=_NO_SHADOW,
        ),
        Panel(
            "Mirrored searches",
            "reqps",
            "Searches that were picked to be mirrored, by what became of them. Worry if most are unavailable or"
            " dropped: the overlap then stands for few.",
            (Query(total("search_shadow_total", by="outcome"), "{{outcome}}"),),
            quiet=_NO_SHADOW,
        ),
    ),
)

COST_AND_DRIFT = Dashboard(
    "cost-and-drift",
    "Turnout / Cost and drift",
    "What a hosted model costs, and what changes in what users ask and in what they get.",
    (_COST, _DRIFT),
    since="7d",
)
