"""What the leader says of a canary: the newest judgment, to be shown and told. Called by `reconcile` after acting.

It decides nothing: a canary is ended by Argo Rollouts, which asks for the same judgment itself.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from turnout.canary.judgment import Judgment
from turnout.controller.judging import Judging
from turnout.controller.observed import Observed, Revision
from turnout.controller.seen import is_certain
from turnout.elastic.state import RolloutRecord

NO_PROMETHEUS = "no Prometheus is configured, so nobody judges the canary: set TURNOUT_PROMETHEUS_URL"


class Judged(NamedTuple):
    """The newest judgment of the revision that is on trial; None where there is none yet."""

    revision: Revision
    judgment: Judgment | None


def judged(observed: Observed, judging: Judging) -> Judged | None:
    """The judgment of what is on trial; None if nothing is. Never waits for it to be made."""
    pair = on_trial(observed)
    if pair is None:
        return None
    canary, stable = pair
    return Judged(canary, judging.newest(canary.hash, stable.hash) if judging.can_judge else None)


def on_trial(observed: Observed) -> tuple[Revision, Revision] | None:
    """Canary and stable, while both have pods; also those of a canary that is being taken away."""
    canary, stable = observed.revision("canary"), observed.revision("stable")
    if canary is None or stable is None or not is_certain(observed):
        return None
    return (canary, stable) if canary.replicas and stable.replicas else None


def problems(found: Judged | None, judging: Judging) -> dict[str, str]:
    """What a person must know about judging, by its fixed word."""
    return {"no-prometheus": NO_PROMETHEUS} if found is not None and not judging.can_judge else {}


def with_judgment(
    record: RolloutRecord, judged: Judged | None, stored: RolloutRecord | None, *, is_aborted: bool
) -> RolloutRecord:
    """The record with the newest judgment, and with the time of the stored one if nothing else differs.

    What was judged of a canary that was aborted stays for whoever asks why, and a fail stays a fail: without its pods
    there is nothing to judge any more.
    """
    judgment = judged.judgment if judged is not None else None
    if stored is None:
        return msgspec.structs.replace(record, judgment=judgment)
    before = stored.judgment if stored.canary == record.canary and is_aborted else None
    if judgment is None or (before is not None and before.verdict == "fail"):
        judgment = before
    same = msgspec.structs.replace(stored, at=record.at, judgment=None) == record
    return msgspec.structs.replace(record, judgment=judgment, at=stored.at if same else record.at)
