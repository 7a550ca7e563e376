"""Does the alias have to move, and may it? Called by `desired` and by `problems`, and by who moves it just before.

The alias belongs at the view of the stable release, and the records must say that this release is live: two releases
may share a view. Whoever moved it by hand is undone, and told so.
"""

from __future__ import annotations

from typing import NamedTuple

from turnout.controller.actions import Flip
from turnout.controller.observed import Observed
from turnout.controller.seen import complete_view, is_behind, is_certain, verdict


class Judged(NamedTuple):
    """`flip` is what should be done, frozen or not; `waits_for` is why it can't be done yet. Both may be empty."""

    flip: Flip | None
    waits_for: str


def judge_flip(observed: Observed) -> Judged:
    """Whether the alias has to move. Parity is compared again by who moves it."""
    stable = observed.revision("stable")
    if stable is None:
        return Judged(None, "no revision is stable yet")
    release = stable.release
    if release is None:
        return Judged(None, "the stable release can't be read")
    against = verdict(release.id, observed)
    if against:
        return Judged(None, f"the stable release {release.id} is {against}")
    seen = complete_view(release, observed)
    if seen is None:
        return Judged(None, f"the stable release {release.id} is not verified yet, or its view is gone")
    index = seen.view.index
    if _agrees(release.id, index, observed):
        return Judged(None, "")
    if is_behind(seen):
        return Judged(None, f"{index} is behind the documents")
    record = observed.record(release.id)
    if stable.ready == 0 and (record is None or record.state != "live"):
        return Judged(None, f"no pod of the stable release {release.id} is ready yet")
    expect = tuple(sorted(observed.targets))
    return Judged(Flip(release_id=release.id, view=index, expect=expect, why=_why(index, observed)), "")


def is_for_stable(action: Flip, observed: Observed) -> bool:
    """Whether a flip that was decided on an earlier look is to the release that certainly is stable now."""
    stable = observed.revision("stable")
    if stable is None or stable.release is None or not is_certain(observed):
        return False
    return stable.release.id == action.release_id and not verdict(action.release_id, observed)


def was_moved_by_hand(observed: Observed) -> bool:
    """Whether the alias is elsewhere than the last flip left it. A first alias, such as an adopted one's, is not."""
    return bool(observed.flips) and observed.targets != {observed.flips[-1].to_view}


def _agrees(release_id: str, index: str, observed: Observed) -> bool:
    """Whether alias, records and history tell the same; a flip that was interrupted leaves them apart."""
    live = [(record.release_id, record.view) for record in observed.records if record.state == "live"]
    last = observed.flips[-1] if observed.flips else None
    return (
        observed.targets == {index}
        and live == [(release_id, index)]
        and last is not None
        and (last.to_release, last.to_view) == (release_id, index)
    )


def _why(index: str, observed: Observed) -> str:
    if was_moved_by_hand(observed):
        # A flip that moved the alias and then died looks the same, but is already where it belongs.
        return "a flip was interrupted" if observed.targets == {index} else "the alias was moved by hand"
    return "the release is stable"
