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


_MONTH = "[30d]"


def _in_month(metric: str, matchers: str, more: str = "") -> str:
    return f"sum({serving(f'increase({metric}{{{matchers}}}{_MONTH}){more}')})"


def _left(bad: str, slo: str) -> str:
    """The share of the month's error budget that is left: 1 less what was bad, in parts of what may be bad."""
    return f'1 - ({bad}) / (1 - scalar(max(turnout_slo_objective{{{OURS}, slo="{slo}"}})))'


_ALL = _in_month("http_requests_total", SEARCH)
_FAILED = share(_in_month("http_requests_total", f'{SEARCH}, status=~"5.."'), _ALL)
_ANSWERED = f'{SEARCH}, status="200"'
_IN_TIME = f' and on (le) turnout_slo_objective{{{OURS}, slo="latency"}}'
_SLOW = "1 - {} / ({} > 0)".format(
    _in_month("http_request_duration_seconds_bucket", _ANSWERED, _IN_TIME),
    _in_month("http_request_duration_seconds_count", _ANSWERED),
)


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

_DEGRADED = Section(
    "Less than was asked for",
    (
        Panel(
            "Error budget left",
            "percentunit",
            "What is left of the failures and slow answers that gates.yaml allows in 30 days. At 0 the promise is"
            " broken. Worry if it falls by more than a few percent in a day.",
            (Query(_left(_FAILED, "availability"), "availability"), Query(_left(_SLOW, "latency"), "latency")),
            top=1.0,
        ),
        Panel(
            "Degraded answers",
            "reqps",
            "Answers that were less than what was asked for, by reason. Users see worse results and no error. Worry if"
            " one reason lasts: the model is slow or down, or Elasticsearch is.",
            (Query(total("search_degraded_total", by="reason"), "{{reason}}"),),
        ),
        Panel(
            "Shedding",
            "reqps",
            "Searches that were turned away because too many were waiting. Worry about any that last: there are too few"
            " pods for the load, or Elasticsearch got slow.",
            (Query(total("search_shed_total", by=_BY), "{{release}}"),),
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
    (_RED, _DEGRADED, _BEHIND, _PODS),
)
