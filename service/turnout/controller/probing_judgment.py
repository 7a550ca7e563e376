"""Adds what the query set says to a judgment of live traffic, from what the leader stored. Called by `judging`."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from turnout.canary.judgment import Judgment, ProbeResult
from turnout.controller.trial import OnTrial
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.errors import TurnoutError
from turnout.judge.quality import stored_probe, with_quality


def with_stored_quality(reader: Reader, names: Callable[[str], Names]) -> Callable[[OnTrial, Judgment], Judgment]:
    """What finishes judgments.

    While Elasticsearch can't be asked there is no pass, but a failure stays one: it may be what shows the outage.

    Args:
        names: the index names of a collection.
    """

    def finish(on_trial: OnTrial, judgment: Judgment) -> Judgment:
        if not on_trial.stable:
            reason = "judged quality can't be compared: stable's release can't be read"
            return _unknown(judgment, reason, judgment.verdict == "pass")
        try:
            record = stored_probe(
                reader,
                names(on_trial.trial.collection),
                on_trial.canary,
                on_trial.stable,
                revision=on_trial.trial.canary,
            )
        except TurnoutError as error:
            return _unknown(judgment, f"judged quality can't be looked up: {error.what}", False)
        return with_quality(judgment, record)

    return finish


def _unknown(judgment: Judgment, reason: str, may_pass: bool) -> Judgment:
    quality = ProbeResult(verdict="inconclusive", reason=reason)
    verdict = "inconclusive" if judgment.verdict == "pass" and not may_pass else judgment.verdict
    return msgspec.structs.replace(judgment, verdict=verdict, reason=f"{judgment.reason}; {reason}", quality=quality)
