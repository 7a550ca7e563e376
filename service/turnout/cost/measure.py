"""The load as a cluster and a running service show it. What they don't show stays unknown, and the source says why."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
from prometheus_client.parser import text_string_to_metric_families

from turnout.cost.workload import Figure, Workload
from turnout.elastic.documents import LIVE_DOCUMENTS
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.errors import EnvironmentProblem
from turnout.release.endpoint import without_credentials

WINDOW_DAYS = 7.0
"""Changes are counted over the last so many days."""
_LEAST_DAYS = 1.0
_FIRST_INGEST_DAYS = 1.0
_MOST_CHANGED = 0.9
LEAST_UPTIME_S = 600.0
_TIMEOUT_S = 5.0
_MOST_BYTES = 4 << 20
_DAY_S = 86_400.0

_Found = tuple[float | None, str]


def measured(
    reader: Reader,
    names: Names,
    *,
    documents: int | None,
    sample_tokens: Sequence[int],
    now: datetime | None = None,
) -> Workload:
    """The load of a collection; `or_else(declared(release))` fills what can't be seen, the length of queries above all.

    Args:
        documents: as `turnout.observed` counted them.
        sample_tokens: as `turnout.observed` sampled them.
        now: the time; the machine's if left out.

    Raises:
        Unavailable: Elasticsearch can't be reached.
    """
    changes, said = change_rate(reader, names, now or datetime.now(UTC))
    sources: dict[Figure, str] = {
        "documents": "measured: counted in the documents index",
        "sample_tokens": f"measured: {len(sample_tokens)} documents of the documents index, 4 characters a token",
        "changes_per_day": said,
        "queries_per_hour": "unknown: no service was asked",
        "query_tokens": "unknown: nothing measures it",
    }
    if documents is None:
        sources["documents"] = "unknown: no cluster was asked"
    if not sample_tokens:
        sources["sample_tokens"] = "unknown: no document was looked at"
    return Workload(
        documents=documents,
        sample_tokens=tuple(sample_tokens),
        changes_per_day=changes,
        sources=sources,
    )


def change_rate(reader: Reader, names: Names, now: datetime) -> _Found:
    """Documents that are written anew per day, and where that comes from.

    The documents index holds only the last state of each document, so of several changes of one document the last is
    seen. If all change alike, a share f is changed at least once in t days when the rate is -N ln(1 - f) / t. The day
    after the oldest state is left out: it is the first ingest.
    """
    if reader.describe(names.documents) is None:
        return None, "unknown: there is no documents index"
    oldest, total = _oldest(reader, names)
    if oldest is None or total == 0:
        return None, "unknown: there are no documents"
    age = (now.timestamp() - oldest) / _DAY_S - _FIRST_INGEST_DAYS
    if age < _LEAST_DAYS:
        return None, "unknown: the documents index is too young to tell changes from the first ingest"
    days = min(WINDOW_DAYS, age)
    since = int((now.timestamp() - days * _DAY_S) * 1000)
    recent = {"range": {"updated_at": {"gt": since, "format": "epoch_millis"}}}
    changed = reader.count(names.documents, {"bool": {"filter": [LIVE_DOCUMENTS, recent]}})
    share = changed / total
    if share > _MOST_CHANGED:
        return None, f"unknown: {share:.0%} of the documents were written within {days:.1f} days, as in an ingest"
    rate = -total * math.log1p(-share) / days
    return rate, f"measured: {changed} of {total} documents were written in the last {days:.1f} days"


def query_rate(urls: Iterable[str]) -> _Found:
    """Queries that are embedded per hour, and where that comes from.

    Args:
        urls: `/metrics` of each running `turnout serve`; their rates are added.
    """
    rates: list[float] = []
    for url in urls:
        rate, said = _service_rate(url)
        if rate is None:
            return None, said
        rates.append(rate)
    if not rates:
        return None, "unknown: no service was asked"
    many = f"{len(rates)} services" if len(rates) > 1 else "the service"
    return sum(rates), f"measured: queries that {many} embedded since the start"


def _oldest(reader: Reader, names: Names) -> tuple[float | None, int]:
    """The oldest state in seconds since 1970, and how many documents there are."""
    body = {
        "size": 0,
        "query": LIVE_DOCUMENTS,
        "track_total_hits": True,
        "aggs": {"oldest": {"min": {"field": "updated_at"}}},
    }
    found = reader.search(names.documents, body)
    value = found["aggregations"]["oldest"]["value"]
    return None if value is None else float(value) / 1000, int(found["hits"]["total"]["value"])


def _service_rate(url: str) -> _Found:
    try:
        text, now = _metrics(url)
        queries, started = _queries(text)
    except (httpx.HTTPError, httpx.InvalidURL, EnvironmentProblem, ValueError) as error:
        return None, f"unknown: the service's metrics can't be read ({type(error).__name__})"
    if queries is None or started is None:
        return None, "unknown: the service's metrics hold no count of queries, or not since when"
    uptime = now - started
    if uptime < LEAST_UPTIME_S:
        return None, f"unknown: the service has run for {max(0.0, uptime):.0f} s, less than {LEAST_UPTIME_S:.0f}"
    return queries / uptime * 3600, ""


def _metrics(url: str) -> tuple[str, float]:
    """The metrics and the server's time."""
    found = bytearray()
    with httpx.stream("GET", url, timeout=_TIMEOUT_S, trust_env=False) as response:
        response.raise_for_status()
        date = response.headers.get("Date")
        for chunk in response.iter_bytes():
            found += chunk
            if len(found) > _MOST_BYTES:
                raise EnvironmentProblem("these metrics are too long", where=without_credentials(url))
    now = parsedate_to_datetime(date) if date else datetime.now(UTC)
    return found.decode(), (now if now.tzinfo else now.replace(tzinfo=UTC)).timestamp()


def _queries(text: str) -> tuple[float | None, float | None]:
    queries, started = None, None
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "embedding_model_batch_size_sum":
                queries = (queries or 0.0) + sample.value
            elif sample.name == "process_start_time_seconds":
                started = sample.value
    return queries, started
