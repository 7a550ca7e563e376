"""*Rollout*: a canary beside stable, what the judge makes of it, and what the controller did. Used by `every`."""

from __future__ import annotations

from turnout.dashboards.panels import Dashboard, Mark, Panel, Query, Section, State
from turnout.dashboards.promql import (
    OURS,
    SEARCH,
    SIDE,
    SIDE_LEGEND,
    coded,
    happened,
    newest,
    quantile,
    share,
    total,
)

_NO_CANARY = "no canary is on trial"
_NO_QUERY_SET = "the collection has no query set, or nobody asked it yet"
_SEARCHES = total("http_requests_total", SEARCH)
_ANSWERED = total("http_requests_total", f'{SEARCH}, status="200"')

VERDICTS = (State(1, "pass", "green"), State(2, "inconclusive", "gray"), State(3, "fail", "red"))
STATES = (
    State(1, "unknown", "gray"),
    State(2, "waiting", "gray"),
    State(3, "building", "blue"),
    State(4, "verifying", "orange"),
    State(5, "ready", "green"),
    State(6, "failed", "red"),
    State(7, "quarantined", "red"),
)
_YES_NO = (State(0, "no", "red"), State(1, "yes", "green"))
_ACTIONS = f"sum by (action) (turnout_controller_actions_total{{{OURS}}})"


def _evidence(question: str) -> str:
    """What there is, as a share of what decides."""
    own = f'question="{question}"'
    has, needs = (newest(f"turnout_canary_evidence{end}", own, by="metric") for end in ("", "_needed"))
    return f"{has} / {needs}"


_TRIAL = Section(
    "Is the canary good enough?",
    (
        Panel(
            "Verdict",
            "short",
            "The judge's newest verdict of the canary. Inconclusive is normal at first: it waits for enough searches."
            " Worry if it fails, or if it stays inconclusive for longer than the rollout's steps allow.",
            (Query(coded("turnout_canary_verdict", "verdict", VERDICTS, by=SIDE), SIDE_LEGEND, _NO_CANARY),),
            states=VERDICTS,
            height=5,
        ),
        Panel(
            "Release state",
            "short",
            "How far the release of each revision is. A canary gets no traffic before it is ready. Worry if one stays"
            " in building or verifying, or is failed or quarantined: `turnout status` says why.",
            (Query(coded("turnout_release_state", "state", STATES, by=SIDE), SIDE_LEGEND),),
            states=STATES,
            height=5,
        ),
        Panel(
            "Alias at stable",
            "short",
            "Whether the alias points at the stable release's view, for those who search Elasticsearch directly. It"
            " follows a promotion within a minute or two. Worry if it says no for longer.",
            (Query(newest("turnout_alias_at_stable", by="collection"), "{{collection}}"),),
            states=_YES_NO,
            height=5,
        ),
        Panel(
            "Evidence against the canary",
            "percentunit",
            "How much of the evidence that fails a canary has come together, for each metric. At 100 % the canary is"
            " proved worse than gates.yaml tolerates, and the rollout is aborted.",
            (
                Query(
                    _evidence("harm"),
                    "{{metric}}",
                ),
            ),
            limit=1.0,
            quiet=_NO_CANARY,
        ),
        Panel(
            "Evidence for the canary",
            "percentunit",
            "How much of the evidence that lets a canary pass has come together. It passes when all metrics are at"
            " 100 %. Too few searches make this slow, which is no fault of the canary.",
            (
                Query(
                    _evidence("safe"),
                    "{{metric}}",
                ),
            ),
            limit=1.0,
            quiet=_NO_CANARY,
        ),
        Panel(
            "Share of the traffic",
            "percentunit",
            "What the Rollout sends to each revision. It grows in steps while the canary is on trial and falls to 0"
            " when it is aborted.",
            (Query(newest("turnout_rollout_weight", by=SIDE), SIDE_LEGEND),),
            top=1.0,
        ),
    ),
)

_SIDE_BY_SIDE = Section(
    "Stable and canary side by side",
    (
        Panel(
            "Traffic",
            "reqps",
            "Searches each second. Worry if stable's fall to nothing while users are awake.",
            (Query(_SEARCHES, SIDE_LEGEND),),
        ),
        Panel(
            "Error share",
            "percentunit",
            "Searches that were answered with an error of ours (5xx). Both sides up: a shared cause, such as"
            " Elasticsearch. Only the canary up: the judge will say so.",
            (Query(share(total("http_requests_total", f'{SEARCH}, status=~"5.."'), _SEARCHES), SIDE_LEGEND),),
        ),
        Panel(
            "Degraded share",
            "percentunit",
            "Answers that were less than what was asked for: by words only, or kept ones. Worry above 1 %; the panel"
            " of reasons is on the Service dashboard.",
            (Query(share(total("search_degraded_total"), _SEARCHES), SIDE_LEGEND),),
        ),
        *(
            Panel(
                f"Latency p{percent}",
                "s",
                f"{percent} of 100 searches were answered within this time. Compare the sides with each other at the"
                " same moment; a new pod is slow for its first searches.",
                (
                    Query(
                        quantile(percent / 100, "http_request_duration_seconds", f'{SEARCH}, status="200"'),
                        SIDE_LEGEND,
                    ),
                ),
            )
            for percent in (50, 95, 99)
        ),
        Panel(
            "Share without a hit",
            "percentunit",
            "Answered searches that found nothing. Some is normal, for filters can be narrow. Worry if the canary finds"
            " nothing more often than stable does.",
            (Query(share(total("search_empty_total"), _ANSWERED), SIDE_LEGEND),),
        ),
        Panel(
            "Judged quality",
            "short",
            "Means of ranking metrics over the query set, asked of the pods about once a day; 1 is the best. Worry if"
            " the canary's is lower by more than chance, which the verdict takes into account.",
            (Query(newest("turnout_judged_quality", by="release, metric"), "{{metric}} {{release}}"),),
            quiet=_NO_QUERY_SET,
        ),
        Panel(
            "Approximate search finds",
            "percentunit",
            "Share of the exact nearest documents that the approximate search of a release finds. Worry if it falls"
            " below 95 %: the graph or its settings got worse, or many documents were deleted.",
            (Query(newest("turnout_probe_ann_recall", by="release"), "{{release}}"),),
            quiet=_NO_QUERY_SET,
        ),
    ),
)

_CONTROLLER = Section(
    "What the controller did and what it says",
    (
        Panel(
            "Problems",
            "short",
            "What a person must know; `turnout status` has the sentence for each. Empty is good.",
            (Query(newest("turnout_controller_problem", by="problem"), "{{problem}}", "there is no problem"),),
            states=(State(1, "since", "red"),),
            width=12,
        ),
        Panel(
            "Actions",
            "short",
            "What changed something, added up since the controllers started: building, flipping the alias, quarantine,"
            " retirement. Worry if one grows all the time: two controllers or a person undo each other's work.",
            (Query(_ACTIONS, "{{action}}", "nothing was done since the controllers started"),),
            width=6,
        ),
        Panel(
            "Quarantined and frozen",
            "short",
            "Releases in quarantine in this cluster, and whether a person froze the collection (1). While it is frozen,"
            " the alias doesn't move and nothing is deleted.",
            (
                Query(newest("turnout_quarantined_releases", by="collection"), "quarantined releases"),
                Query(newest("turnout_controller_frozen", by="collection"), "frozen"),
            ),
            width=6,
        ),
    ),
)

ROLLOUT = Dashboard(
    "rollout",
    "Turnout / Rollout",
    "Stable and canary side by side, the judge's evidence, and what the controller did about it.",
    (_TRIAL, _SIDE_BY_SIDE, _CONTROLLER),
    marks=(
        Mark(
            "Alias moves, quarantines and retirements",
            happened("turnout_controller_actions_total", 'action=~"flip|condemn|retire"', by="action"),
            "{{action}}",
            "blue",
        ),
        Mark(
            "Aborts",
            newest("turnout_controller_problem", 'problem=~"aborted|image-failed"', by="problem"),
            "{{problem}}",
            "red",
        ),
    ),
)
