"""*Service*: rate, errors and duration of searches, and what a pod needs for them. Used by `every`."""

from __future__ import annotations

from turnout.dashboards.panels import Dashboard, Panel, Query, Section, State
from turnout.dashboards.promql import OURS, SEARCH, mean, quantile, serving, share, total

_BY = "release"
_SEARCHES = total("http_requests_total", SEARCH, by=_BY)
_WORDS_ONLY = "the collection searches by words only"
_POD = "instance"
_MODEL = (State(0, "can't embed", "red"), State(1, "ready", "green"))


def _of_process(vector: str) -> str:
    """What a process tells of itself has no release, so it is found by its pod."""
    return f"max by ({_POD}) {serving(vector, on='job, instance')}"


def _month(recorded: str) -> str:
    return f"sum_over_time({recorded}{{{OURS}}}[30d])"


# As the alerts count, which read the same recorded series.
_SPENT = f"{_month('slo:search_bad:rate5m')} / ({_month('slo:search_total:rate5m')} > 0)"
_ALLOWED = f"(1 - slo:turnout_slo_objective:max{{{OURS}}})"


_RED = Section(
    "Rate, errors, duration",
    (
        Panel(
            "Requests by answer",
            "reqps",
            "Searches each second, by HTTP status. 4xx are mistakes of clients, 503 and 504 are ours.",
            (Query(total("http_requests_total", SEARCH, by="status"), "{{status}}"),),
        ),
        Panel(
            "Error share",
            "percentunit",
            "Searches that were answered with an error of ours (5xx). Worry above 1 %, or if it lasts.",
            (Query(share(total("http_requests_total", f'{SEARCH}, status=~"5.."', by=_BY), _SEARCHES), "{{release}}"),),
        ),
        Panel(
            "Duration",
            "s",
            "Time to answer a search: half of them, 95 and 99 of 100 were faster. Worry if p99 nears the deadline of"
            " pipeline.yaml.",
            tuple(
                Query(
                    quantile(q, "http_request_duration_seconds", f'{SEARCH}, status="200"', by=""),
                    f"p{q * 100:.0f}",
                )
                for q in (0.5, 0.95, 0.99)
            ),
        ),
    ),
)

_PROMISES = Section(
    "What users were promised (`slo` in gates.yaml)",
    (
        Panel(
            "Error budget left",
            "percentunit",
            "What is left of the failures and slow answers that gates.yaml allows in 30 days, or in as many as this"
            " Prometheus keeps. At 0 the promise is broken. Worry if it falls by more than a few percent in a day.",
            (Query(f"1 - {_SPENT} / {_ALLOWED}", "{{slo}} {{le}}"),),
            top=1.0,
            width=12,
            every_s=300.0,
        ),
        Panel(
            "How fast the error budget is used up",
            "short",
            "How many times faster than allowed, in the last hour: 1 uses a month's budget in a month, 14.4 a fiftieth"
            " of it in an hour, which wakes somebody.",
            (Query(f"slo:search_burn:ratio1h{{{OURS}}}", "{{slo}} {{le}}"),),
            limit=1.0,
            width=12,
        ),
    ),
)

_DEGRADED = Section(
    "Less than was asked for",
    (
        Panel(
            "Degraded answers",
            "reqps",
            "Answers that were less than what was asked for, by reason. Users see worse results and no error. Worry if"
            " one reason lasts: the model is slow or down, or Elasticsearch is.",
            (Query(total("search_degraded_total", by="reason"), "{{reason}}"),),
            width=12,
        ),
        Panel(
            "Shedding",
            "reqps",
            "Searches that were turned away because too many were waiting. Worry about any that last: there are too few"
            " pods for the load, or Elasticsearch got slow.",
            (Query(total("search_shed_total", by=_BY), "{{release}}"),),
            width=12,
        ),
    ),
)

_BEHIND = Section(
    "Elasticsearch and the model",
    (
        Panel(
            "Elasticsearch: duration by kind",
            "s",
            "95 of 100 searches of Elasticsearch took at most this long, by kind. Worry if one kind gets slower while"
            " the traffic is the same.",
            (Query(quantile(0.95, "vector_db_query_duration_seconds", by="kind"), "{{kind}}"),),
        ),
        Panel(
            "Elasticsearch: failures",
            "reqps",
            "Searches of Elasticsearch that didn't succeed, by kind and outcome.",
            (
                Query(
                    total("vector_db_query_duration_seconds_count", 'outcome!="ok"', by="kind, outcome"),
                    "{{kind}} {{outcome}}",
                    "all searches of Elasticsearch succeeded",
                ),
            ),
        ),
        Panel(
            "The model disagreed",
            "short",
            "Times that a pod's model gave other vectors than those that the view was filled with, since the pods"
            " started. Such a pod doesn't turn ready. 0 is the only good number.",
            (Query(f"sum by ({_BY}) {serving('attestation_refused_total')}", "{{release}}"),),
        ),
        Panel(
            "Embedding: duration",
            "s",
            "Time of one call of the model: half of them, and 95 of 100, were faster. Worry if it nears the part of the"
            " deadline that the model may take: then answers degrade.",
            tuple(
                Query(quantile(q, "embedding_inference_latency_seconds", by=""), f"p{q * 100:.0f}") for q in (0.5, 0.95)
            ),
            quiet=_WORDS_ONLY,
        ),
        Panel(
            "Embedding: queries in a call",
            "short",
            "How many queries the model gets at once, on average. It grows with the load. Worry if it stays at the most"
            " that is allowed while the duration grows: the model is the bottleneck.",
            (Query(mean("embedding_model_batch_size", by=_BY), "{{release}}"),),
            quiet=_WORDS_ONLY,
        ),
        Panel(
            "Models that can embed",
            "short",
            "By pod, whether queries can be embedded. Worry if a pod stays at 0: it answers by words only.",
            (Query(f"max by ({_POD}) {serving('turnout_model_ready')}", "{{instance}}"),),
            states=_MODEL,
        ),
    ),
)

_PODS = Section(
    "Pods",
    (
        Panel(
            "Ready pods",
            "short",
            "Pods to which searches may be sent, by release. Worry if it is less than what the Rollout asks for, and at"
            " once if it is 0.",
            (Query(f"sum by ({_BY}) {serving('turnout_ready')}", "{{release}}"),),
            width=6,
        ),
        Panel(
            "In flight",
            "short",
            "Requests that are being answered, in all pods of a release. Worry if it climbs while the traffic doesn't:"
            " something behind got slow.",
            (Query(f"sum by ({_BY}) {serving('http_requests_in_flight')}", "{{release}}"),),
            width=6,
        ),
        Panel(
            "Memory",
            "bytes",
            "Resident memory of each pod. Worry if it climbs for days without an end, or nears the limit of the pod.",
            (Query(_of_process("process_resident_memory_bytes"), "{{instance}}"),),
            width=6,
        ),
        Panel(
            "CPU",
            "short",
            "Cores that each pod uses. Worry if it stays at the limit of the pod.",
            (Query(_of_process("rate(process_cpu_seconds_total[$__rate_interval])"), "{{instance}}"),),
            width=6,
        ),
        Panel(
            "Open files",
            "percentunit",
            "Files and connections that a process has open, as a share of what it may. Worry above 80 %.",
            (Query(_of_process("process_open_fds / process_max_fds"), "{{instance}}"),),
            width=12,
        ),
        Panel(
            "Age of the process",
            "s",
            "Time since each pod's process started. Worry about one that falls to 0 again and again: it is restarted.",
            (Query(f"time() - {_of_process('process_start_time_seconds')}", "{{instance}}"),),
            width=12,
        ),
    ),
)

SERVICE = Dashboard(
    "service",
    "Turnout / Service",
    "Rate, errors and duration of searches, and what stands behind them: Elasticsearch, the model, the pods.",
    (_RED, _PROMISES, _DEGRADED, _BEHIND, _PODS),
)
