"""How far an apply goes, and whether there is anything to do at all. Called by the walk and by the `apply` verb.

A person brings a release live in one go. On Kubernetes the parts are told apart: Jobs fill and verify, the alias moves
when the release's pods have been promoted.
"""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from turnout.apply.live import live_release
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import ReleaseRecord
from turnout.follow import ViewGone, find_view
from turnout.plan import Backfill, CatchUp, ChangeMapping, CreateView, Plan, Stage, Verify
from turnout.release.artifacts import Release

Until = Literal["filled", "ready", "live"]
UNTIL: tuple[Until, ...] = get_args(Until)

COMPARED_WITH = "compared_with"
"""Key in a release record's report: the release that was live when it was verified, None if there was none."""

_FILLING = (CreateView, ChangeMapping, Backfill)
_STAGES: dict[Until, tuple[type[Stage], ...]] = {"filled": _FILLING, "ready": (*_FILLING, CatchUp, Verify)}
# What only speaks against moving the alias doesn't speak against building. A freeze stops flips, not builds.
_ABOUT_THE_FLIP = frozenset({"frozen", "alias-on-several-indexes", "replaces-adopted", "documents-missing"})


def up_to(plan: Plan, until: Until) -> Plan:
    """The plan without the stages after `until`, and without what is refused because of them."""
    if until == "live":
        return plan
    kept = tuple(stage for stage in plan.stages if isinstance(stage, _STAGES[until]))
    refused, lifted = (
        tuple(each for each in found if each.rule not in _ABOUT_THE_FLIP) for found in (plan.refusals, plan.lifted)
    )
    return msgspec.structs.replace(plan, stages=kept, refusals=refused, lifted=lifted)


def is_ready(reader: Reader, names: Names, release: Release) -> bool:
    """Whether a release got as far as `ready` and its view is still there: nothing is left to fill or to verify.

    One that is `ready` was compared with what was live then. If another release is live now it isn't ready any more;
    one that is or was live itself stays what one can go back to.

    Raises:
        Unavailable: Elasticsearch can't be reached.
    """
    record = next((each for each in reader.states(names, ReleaseRecord) if each.release_id == release.id), None)
    if record is None or record.view is None or record.state not in ("ready", "live", "former"):
        return False
    try:
        view = find_view(reader, names, record.view)
    except ViewGone:
        return False
    if release.fingerprints.index not in view.meta.index_fingerprints:
        return False
    if record.state != "ready":
        return True
    live = live_release(reader, names)
    return COMPARED_WITH in record.report and record.report[COMPARED_WITH] == (live.release.id if live else None)
