"""*Views*: how far the views are behind, whether they hold what documents hold, and how a backfill goes. Used by
`every`."""

from __future__ import annotations

from turnout.dashboards.panels import Dashboard, Panel, Query, Section, State
from turnout.dashboards.promql import OURS, grows, newest

_NO_FILL = "no view is being filled"
_NOTHING_NEW = "nothing was written to a view in this time"
_NO_LEDGER = "no ledger of deletes is kept"
_SYNCED = "turnout_ledger_synced_timestamp_seconds"
_LEADER = (State(0, "follows", "gray"), State(1, "leads", "green"))


_FILLING = 100  # operations behind, from which on a view isn't merely followed
_BEHIND = f"turnout_view_behind_operations{{{OURS}}}"
_DIFFERENCES = newest("turnout_view_parity_differences", by="view, kind")
_TARGET = f"turnout_view_target_operations{{{OURS}}}"

_CURRENT = Section(
    "Are the views current?",
    (
        Panel(
            "Operations behind",
            "short",
            "Writes to documents that a view lacks, as the controller sees it. Near 0 is normal, some hundreds during a"
            " bulk load too. Worry if the view that is searched stays behind or falls further behind.",
            (Query(f"max by (view) ({_BEHIND})", "{{view}}"),),
        ),
        Panel(
            "Followers' own lag",
            "short",
            "The same, as each follower counts it at the end of a round. If it differs from the controller's for long,"
            " the follower and the controller don't see the same index.",
            (Query(newest("follow_lag_operations", by="view"), "{{view}}"),),
        ),
        Panel(
            "Followers' age",
            "s",
            "Time since a follower last brought its view up to date. Seconds are normal. Worry if it grows without a"
            " break: the follower hangs, or can't reach Elasticsearch.",
            (Query(f"time() - {newest('follow_round_timestamp_seconds', by='view')}", "{{view}}"),),
        ),
        Panel(
            "Parity: documents that differ",
            "short",
            "Documents that a view lacks, has in an old version, or has though they are deleted, at the last"
            " comparison. 0 is the only good number: worry about any other.",
            (
                Query(f"sum by (view) ({_DIFFERENCES})", "{{view}}, all kinds"),
                Query(f"sum by (kind) ({_DIFFERENCES})", "{{kind}}, all views", dashed=True),
            ),
            quiet="no view was compared with documents yet",
        ),
        Panel(
            "Parity: age of the comparison",
            "s",
            "Time since each view was last compared with documents, or since it was first seen if it never was. It is"
            " due every 6 hours. Worry above 13 hours: nobody would notice that they differ.",
            (Query(f"time() - {newest('turnout_view_parity_timestamp_seconds', by='view')}", "{{view}}"),),
        ),
        Panel(
            "Dead letters",
            "short",
            "What ingestion couldn't read and no later run has resolved. 0 is normal. Worry if they grow: each one is a"
            " document that nobody finds.",
            (Query(newest("turnout_dead_letters", by="collection"), "{{collection}}"),),
        ),
    ),
)

_FILL = Section(
    "Backfill",
    (
        Panel(
            "Progress",
            "percentunit",
            "Share of the operations of documents that a view holds. A new view climbs from 0 to 100 % and stays"
            " there. Worry if it stands still below.",
            (Query(f"clamp_min(1 - max by (view) ({_BEHIND}) / (max by (view) ({_TARGET}) > 0), 0)", "{{view}}"),),
            top=1.0,
        ),
        Panel(
            "Time left",
            "s",
            "When a view that is being filled has everything, at the pace of the last ten minutes. Worry if it grows:"
            " documents change faster than they are written to the view.",
            (
                Query(
                    f"max by (view) (({_BEHIND} > {_FILLING}) / (-deriv({_BEHIND}[10m]) > 0))",
                    "{{view}}",
                ),
            ),
            quiet=_NO_FILL,
        ),
        Panel(
            "Documents written",
            "short",
            "Documents brought into views each second, by what became of them. A placeholder stands for a document"
            " that can't be indexed: worry if there are many, and see its reason in `turnout status`.",
            (
                Query(
                    grows("pipeline_records_processed_total", by="outcome, view"), "{{outcome}} {{view}}", _NOTHING_NEW
                ),
            ),
        ),
        Panel(
            "Passages embedded and reused",
            "short",
            "Passages each second, by where their vectors came from. Reused ones cost nothing. Worry if a change that"
            " should reuse vectors embeds them.",
            (Query(grows("pipeline_passages_total", by="vectors, view"), "{{vectors}} {{view}}", _NOTHING_NEW),),
            width=12,
        ),
        Panel(
            "Placeholders",
            "short",
            "Documents that became placeholders, because they can never be indexed, since the followers started.",
            (
                Query(
                    f'sum by (view) (pipeline_records_processed_total{{{OURS}, outcome="placeholder"}})',
                    "{{view}}",
                    "no document was brought into a view since the followers started",
                ),
            ),
            width=12,
        ),
    ),
)

_SIZES = Section(
    "Sizes and deletes",
    (
        Panel(
            "Documents",
            "short",
            "Documents in each index. Views and documents come close to each other; a view that is being filled comes"
            " later. Worry if one falls suddenly.",
            (Query(newest("turnout_index_documents", by="index"), "{{index}}"),),
            width=6,
        ),
        Panel(
            "Size on disk",
            "bytes",
            "Bytes of each index, copies of its shards included. During a change there are two views: worry if there"
            " isn't room for both.",
            (Query(newest("turnout_index_bytes", by="index"), "{{index}}"),),
            width=6,
        ),
        Panel(
            "Age of the ledger of deletes",
            "s",
            "Time since the ledger outside Elasticsearch had all deletes. After a restore the deletes that it lacks"
            " come back to life: seconds are normal, worry above a quarter of an hour.",
            (
                Query(
                    f"time() - {newest('turnout_ledger_synced_timestamp_seconds', by='collection')}", "{{collection}}"
                ),
            ),
            quiet=_NO_LEDGER,
            width=6,
        ),
        Panel(
            "Deletes in the ledger",
            "short",
            "Deletes written to the ledger each second. Worry about a sudden many: somebody empties the collection.",
            (Query(grows("turnout_ledger_deletes_total", by="collection"), "{{collection}}"),),
            quiet=_NO_LEDGER,
            width=6,
        ),
    ),
)

_CONTROLLER = Section(
    "Controller (of all collections)",
    (
        Panel(
            "Which replica leads",
            "short",
            "One replica leads, the others wait. Worry if none leads, or if it changes often.",
            (Query("max by (instance) (turnout_controller_leader)", "{{instance}}"),),
            states=_LEADER,
        ),
        Panel(
            "Time of a round",
            "s",
            "How long the controller takes to look at a collection and act: half of the rounds, and 95 of 100. One"
            " that waits for a flip may take half a minute. Worry if most take more than a few seconds.",
            tuple(
                Query(
                    f"histogram_quantile({q}, sum by (le) (rate(turnout_reconcile_seconds_bucket[$__rate_interval])))",
                    f"p{q * 100:.0f}",
                )
                for q in (0.5, 0.95)
            ),
        ),
        Panel(
            "Failed looks and actions",
            "short",
            "Looks and actions of the controller that failed, each second. A few during a restart of Elasticsearch are"
            " normal. Worry if they go on.",
            (Query(grows("turnout_reconcile_errors_total", by="collection"), "{{collection}}", "nothing was done"),),
        ),
    ),
)

VIEWS = Dashboard(
    "views",
    "Turnout / Views",
    "Whether the views hold what documents hold, how a backfill goes, and how the controller is.",
    (_CURRENT, _FILL, _SIZES, _CONTROLLER),
)
