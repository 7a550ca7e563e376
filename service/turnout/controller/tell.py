"""Tells people what changed: events on the Rollout, and the record that `turnout status` shows. Called by `reconcile`.

An event is written when a problem appears, changes or ends, and when something was done; never because time passed.
What was told is remembered here only, so a restart may tell a problem once more. Telling never holds up acting.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping
from typing import Any

from turnout.controller.act import Outcome, sentences, tag
from turnout.controller.actions import Decision
from turnout.controller.judged import Judged, with_judgment
from turnout.controller.lingering import Lingering
from turnout.controller.observed import Observed, Rolling
from turnout.controller.tools import Deposed, Tools
from turnout.elastic.state import RolloutRecord
from turnout.errors import TurnoutError
from turnout.kube.api import NotFound

log = logging.getLogger(__name__)
_LONGEST = 1000  # Kubernetes takes 1024 characters


class Teller:
    """Tells of one collection."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._told: dict[str, str] = {}
        self._lingering = Lingering(time.monotonic)
        self._record: RolloutRecord | None = None

    def problems(self, problems: Mapping[str, str], rolling: Rolling | None, *, is_all: bool = True) -> None:
        """Log what changed since the last call, and write an event for it where there is a Rollout to write it on.

        Args:
            is_all: these are all problems. If nothing could be seen, no earlier one is known to be over.
        """
        before = self._told
        self._told = dict(problems) if is_all else {**before, **problems}
        self._lingering.tell(self._told)
        collection = self._tools.names.collection
        for key, sentence in problems.items():
            if before.get(key) != sentence:
                log.warning("%s: %s: %s", collection, key, sentence)
                self._event(rolling, reason(key), sentence, kind="Warning")
        for key in before.keys() - self._told.keys():
            log.info("%s: %s: over", collection, key)
            self._event(rolling, reason(key), f"over: {before[key]}", kind="Normal")

    def done(self, outcome: Outcome, rolling: Rolling | None) -> None:
        """Log what was done, and write an event for each."""
        for action, sentence in outcome.done:
            log.info("%s: %s: %s", self._tools.names.collection, tag(action), sentence)
            self._event(rolling, reason(tag(action)), sentence, kind="Normal")

    def foretell(self, observed: Observed, decision: Decision, judged: Judged | None = None) -> None:
        """Write the record before anything is done, as well as that goes: acting may take long, or end here."""
        try:
            self._write(observed, decision, {**self._told, **decision.problems}, judged)
        except TurnoutError as error:
            log.warning("%s: the record can't be written: %s", self._tools.names.collection, error)

    def record(self, observed: Observed, decision: Decision, judged: Judged | None = None) -> None:
        """Write the record, of the problems that were told last, if it differs from the one that is stored.

        Raises:
            Unavailable: Elasticsearch can't answer.
        """
        self._write(observed, decision, self._told, judged)

    def _write(
        self, observed: Observed, decision: Decision, problems: Mapping[str, str], judged: Judged | None
    ) -> None:
        over = {key: f"over: {sentence}" for key, sentence in self._lingering.over.items()}
        record = rollout_record(observed, decision, sentences({**over, **problems}), at=self._tools.now())
        names = self._tools.names
        if self._record is None:
            stored = self._tools.elastic.state(names, record.key)
            self._record = stored if isinstance(stored, RolloutRecord) else None
        canary = observed.revision("canary")
        if judged is not None and (canary is None or canary.hash != judged.revision.hash):
            judged = None  # of the canary before this one
        record = with_judgment(
            record, judged, self._record, is_aborted=bool(observed.rollout and observed.rollout.aborted)
        )
        if record == self._record:
            return
        self._tools.check()
        self._tools.elastic_writer.put_state(names, record)
        self._record = record

    def _event(self, rolling: Rolling | None, why: str, sentence: str, *, kind: str) -> None:
        if rolling is None:
            return
        try:
            self._tools.check()
            body = event(rolling, why, sentence, kind=kind, namespace=self._tools.kube.namespace, at=self._tools.now())
            self._tools.kube_writer.create_event(body)
        except (TurnoutError, NotFound, Deposed) as error:
            log.warning("%s: an event can't be written: %s", self._tools.names.collection, error)


def reason(key: str) -> str:
    """A problem's or an action's word as Kubernetes writes reasons: `alias-moved` as `AliasMoved`."""
    return "".join(part.capitalize() for part in key.split("-"))


def event(rolling: Rolling, why: str, sentence: str, *, kind: str, namespace: str, at: str) -> dict[str, Any]:
    """An event on the Rollout, as `kubectl describe rollout` shows it. `at` is the time, ISO 8601 in UTC."""
    unique = hashlib.sha256(f"{why}\n{sentence}\n{at}".encode()).hexdigest()[:16]
    second = f"{at[:19]}Z"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{rolling.name}.{unique}", "namespace": namespace},
        "involvedObject": {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Rollout",
            "name": rolling.name,
            "namespace": namespace,
            "uid": rolling.uid,
        },
        "type": kind,
        "reason": why,
        "message": sentence if len(sentence) <= _LONGEST else f"{sentence[:_LONGEST]}...",
        "source": {"component": "turnout-controller"},
        "firstTimestamp": second,
        "lastTimestamp": second,
        "count": 1,
    }


def rollout_record(observed: Observed, decision: Decision, problems: tuple[str, ...], *, at: str) -> RolloutRecord:
    """What `turnout status` shows of the Rollout outside the cluster."""
    rolling, stable, canary = observed.rollout, observed.revision("stable"), observed.revision("canary")
    standing = next((each for each in decision.standings if canary and each.hash == canary.hash), None)
    waits = tuple(
        f"{each.release_id or each.hash} is {each.state}: {each.waits_for}"
        for each in decision.standings
        if each.waits_for
    )
    return RolloutRecord(
        collection=observed.collection,
        at=at,
        rollout=rolling.name if rolling else "",
        phase=rolling.phase if rolling else "",
        message=rolling.message if rolling else "",
        stable=stable.release.id if stable and stable.release else None,
        canary=canary.release.id if canary and canary.release else None,
        canary_state=standing.state if standing else "",
        weight=rolling.weight if rolling else 0,
        waits=waits,
        problems=problems,
    )
