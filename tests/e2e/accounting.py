"""Which requests failed, got an answer of the wrong view, or were lost. Pure, but for `settle` which asks the views.

Called by the run at its end and by each story. What a story breaks on purpose is counted apart, and only while and
where it breaks it: an error that says that it was injected, while a faulty canary is on trial, is `injected`; a failure
while Elasticsearch or the cluster is down is `unavailable`. Everything else is `failed`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from e2e.events import Event, Kind, note
from turnout.elastic.documents import DEFAULT_TENANT, document_id
from turnout.elastic.reader import Reader

SHOWN = 20


EVERYTHING: frozenset[Kind] = frozenset(("search", "alias", "upsert", "delete"))
SEARCHES: frozenset[Kind] = frozenset(("search",))


@dataclass(frozen=True)
class Window:
    """A stretch of monotonic time, in seconds, both ends included, and the requests that it is about."""

    begin: float
    end: float
    kinds: frozenset[Kind] = EVERYTHING

    def touches(self, event: Event) -> bool:
        """Whether any part of the request lies in it."""
        return event.kind in self.kinds and event.at <= self.end and event.until >= self.begin


@dataclass
class Account:
    """Counts of requests by their end. `problems` are the first of what shouldn't have been, in words."""

    sent: int = 0
    failed: int = 0
    mixed: int = 0
    injected: int = 0
    unavailable: int = 0
    degraded: int = 0
    repeated: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def _tell(self, event: Event, what: str) -> None:
        if len(self.problems) < SHOWN:
            self.problems.append(f"{event.at:.1f} s: {event.kind}: {what}")

    def add(self, event: Event, *, serving: Mapping[str, Set[str]], faulty: bool, down: bool) -> None:
        """Count one request.

        Args:
            serving: for each release the views that it may answer from.
            faulty: a release is on trial that answers with errors on purpose.
            down: Elasticsearch or the cluster is down on purpose.
        """
        self.sent += 1
        self.by_kind[event.kind] += 1
        self.repeated += event.tries > 1
        self.degraded += bool(event.degraded)
        if event.ok:
            self._add_answer(event, serving)
        elif event.status >= 500 and event.fault and faulty:
            self.injected += 1
        elif down:
            self.unavailable += 1
        else:
            self.failed += 1
            self._tell(event, f"HTTP {event.status}, {event.tries} tries: {event.reason}")

    def _add_answer(self, event: Event, serving: Mapping[str, Set[str]]) -> None:
        if event.kind == "search" and event.view not in serving.get(event.release, ()):
            self.mixed += 1
            self._tell(event, f"release {event.release} answered from view {event.view}")


def judge(
    events: Iterable[Event],
    *,
    serving: Mapping[str, Set[str]],
    faulty: Sequence[Window] = (),
    down: Sequence[Window] = (),
) -> Account:
    """Count all requests; the arguments are those of `Account.add`, with the windows in which they hold."""
    account = Account()
    for event in events:
        account.add(event, serving=serving, faulty=_in(faulty, event), down=_in(down, event))
    return account


def _in(windows: Sequence[Window], event: Event) -> bool:
    return any(window.touches(event) for window in windows)


def latest(events: Iterable[Event]) -> dict[str, str | None]:
    """The last acknowledged text of each document that was written, None for a deleted one.

    A document of which the last write was never acknowledged is left out: it may be either.
    """
    found: dict[str, str | None] = {}
    for event in events:
        if event.kind not in ("upsert", "delete"):
            continue
        if event.ok:
            found[event.key] = note(event.number) if event.kind == "upsert" else None
        else:
            found.pop(event.key, None)
    return found


def answers(events: Iterable[Event], release: str, *, since: float) -> list[float]:
    """When searches were answered by `release`, or with a fault that can only be its own; seconds, in order.

    Args:
        since: the moment of the commit: an error that was injected later is of the release that it brought.
    """
    return sorted(
        event.until
        for event in events
        if event.kind == "search" and event.at >= since and (event.release == release or event.fault)
    )


@dataclass(frozen=True)
class Losses:
    """Ids, `place: id`, of writes that a place lacks (or holds an older text of) and of deletes that came back."""

    missing: tuple[str, ...]
    resurrected: tuple[str, ...]


def settle(reader: Reader, *, documents: str, views: Iterable[str], wanted: Mapping[str, str | None]) -> Losses:
    """Compare what the writer was told with what documents and each view hold, in real time.

    Args:
        documents: the documents index.
        wanted: from `latest`.
    """
    missing: list[str] = []
    resurrected: list[str] = []
    for place in (documents, *views):
        held = _held(reader, place, wanted, in_view=place != documents)
        for key, text in wanted.items():
            if text is None and held[key] is not None:
                resurrected.append(f"{place}: {key}")
            if text is not None and held[key] != text:
                missing.append(f"{place}: {key}")
    return Losses(tuple(missing), tuple(resurrected))


def _held(reader: Reader, place: str, keys: Iterable[str], *, in_view: bool) -> dict[str, str | None]:
    """The live text of each document, None where it is absent, deleted or not searchable."""
    ids = {document_id(DEFAULT_TENANT, key): key for key in keys}
    fields = ["turnout.state", "body"] if in_view else ["deleted", "text"]
    hits = reader.get_many(place, list(ids), fields=fields)
    held: dict[str, str | None] = {}
    for whole, key in ids.items():
        source = hits[whole].source if whole in hits else {}
        if in_view:
            held[key] = source.get("body") if source.get("turnout", {}).get("state") == "live" else None
        else:
            held[key] = source.get("text") if source and not source.get("deleted", False) else None
    return held
