"""Which trial is meant: looks for all in a range, and chooses. Called by `turnout judge`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from turnout.errors import BadInput
from turnout.judge.replay import LEAD_S, STEP_S, PastTrial, Presence, Tell, collections, presences, refined, trials
from turnout.prometheus import Prometheus
from turnout.release.findings import printable


@dataclass(frozen=True)
class Wanted:
    """What was asked for. Hashes narrow the choice if they are given; `since` is Unix seconds."""

    rollout: str
    collection: str
    since: float
    window_s: float = 30.0
    canary: str | None = None
    stable: str | None = None


def find(
    prometheus: Prometheus, wanted: Wanted, *, until: float, tell: Tell = lambda _: None
) -> tuple[PastTrial, list[PastTrial]]:
    """The trial that is meant, by the second, and the others of the range.

    Raises:
        BadInput: there is none; what there is instead is said.
        Unavailable, Refused: as `Prometheus.query_range`.
    """
    seen = presences(prometheus, wanted.collection, since=max(0.0, wanted.since - LEAD_S), until=until, tell=tell)
    if not any(presence.times[-1] >= wanted.since for presence in seen):
        known = collections(prometheus, since=wanted.since, until=until)
        if not known:
            what = f"Prometheus has no searches of any collection after {_utc(wanted.since)}"
            raise BadInput(what, where=wanted.rollout, remedy="give another --since, or another --prometheus")
        served = ", ".join(printable(f"search-{name}") for name in known[:10])
        what = f"nothing was served between {_utc(wanted.since)} and {_utc(until)}"
        raise BadInput(what, where=wanted.rollout, remedy=f"name another Rollout ({served}), or another range")
    chosen, others = choose(
        wanted, trials(seen, collection=wanted.collection, until=until, window_s=wanted.window_s), seen
    )
    return refined(prometheus, chosen, until=until), others


def choose(wanted: Wanted, found: list[PastTrial], seen: list[Presence]) -> tuple[PastTrial, list[PastTrial]]:
    """The first trial that began at or after `since`, and the others that did.

    A trial that was running at `since` is meant only if its canary is named.

    Raises:
        BadInput: there is none; what there is instead is said.
    """
    fitting = [past for past in found if _fits(past, wanted)]
    later = [past for past in fitting if past.trial.since >= wanted.since]
    running = [past for past in fitting if past.trial.since < wanted.since < past.until]
    if later:
        chosen = later[0]
    elif running and wanted.canary and running[-1].trial.since > wanted.since - LEAD_S + 2 * STEP_S:
        chosen = running[-1]  # begun within what was looked at, and not before it
    else:
        raise _none(wanted, running, [past for past in found if past.until > wanted.since], seen)
    others = [past for past in found if past.trial.since >= wanted.since and past is not chosen]
    return chosen, others


def _fits(past: PastTrial, wanted: Wanted) -> bool:
    return wanted.canary in (None, past.trial.canary) and wanted.stable in (None, past.trial.stable)


def _none(wanted: Wanted, running: list[PastTrial], others: list[PastTrial], seen: list[Presence]) -> BadInput:
    since = _utc(wanted.since)
    if running:
        began = _utc(running[-1].trial.since)
        what = f"no trial began after {since}, but one was running then, since {began}"
        # Another look falls on other seconds, so a minute is left for that.
        return BadInput(what, where=wanted.rollout, remedy=f"give --since {_utc(running[-1].trial.since - STEP_S)}")
    if others:
        named = ", ".join(
            printable(f"{past.trial.canary} beside {past.trial.stable} from {_utc(past.trial.since)}")
            for past in others[:5]
        )
        what = f"no trial of these hashes began after {since}"
        return BadInput(what, where=wanted.rollout, remedy=f"name one of these canaries: {named}")
    served = ", ".join(printable(f"{one.template_hash} ({one.release})") for one in seen[:5])
    what = f"no canary came up after {since}; all that was served is {served}"
    return BadInput(what, where=wanted.rollout, remedy="give an earlier --since")


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
