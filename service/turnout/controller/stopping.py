"""Which Jobs are stopped: superseded ones, and those that ended in vain, so that they are tried again.

Called by `desired`. A Job's failure is not a verdict on its release: the verdict is in the release's record.
"""

from __future__ import annotations

from collections.abc import Iterator

from turnout.controller.actions import Stop
from turnout.controller.observed import Observed, Work
from turnout.controller.seen import complete_view, in_turn, known_release, serving, verdict

AGAIN_S = 60.0
"""Seconds until a failed Job is tried again: what it needed was unreachable, or a person has to mend it."""

INCONCLUSIVE_S = 600.0
"""Seconds until an inconclusive verification is tried again: evidence comes with documents, not at once."""


def stops(observed: Observed) -> Iterator[Stop]:
    """The Jobs to stop. Followers are `following`'s."""
    for work in observed.work:
        if work.purpose != "follow":
            why = _why(work, observed)
            if why:
                yield Stop(name=work.name, purpose=work.purpose, why=why)


def _why(work: Work, observed: Observed) -> str:
    if not _is_asked_for(work, observed):
        return "another release is asked for"
    against = verdict(work.release_id, observed)
    if against == "failed":
        return ""  # what it printed explains the verdict; it goes when the release does
    if against:
        return "its release is quarantined"
    if work.ended == "complete":
        return _in_vain(work, observed)
    if _has_another_image(work, observed):
        return "another image is asked for"
    if not work.ended:
        is_wanted = any(release.id == work.release_id for _, release in in_turn(observed))
        return "" if is_wanted or _is_unreadable(work, observed) else "the Rollout is aborted"
    return "it failed and is tried again" if work.seconds_ago >= _patience(work, observed) else ""


def _is_asked_for(work: Work, observed: Observed) -> bool:
    asked = [revision for revision in observed.revisions if revision.role != "former"]
    ids = {revision.release.id for revision in asked if revision.release is not None}
    return work.release_id in ids or _is_unreadable(work, observed)


def _is_unreadable(work: Work, observed: Observed) -> bool:
    """Whether it may be working for a release that can't be read just now; an unknown hash could be anyone's."""
    return any(
        revision.role != "former" and revision.release is None and work.hash in ("", revision.hash)
        for revision in observed.revisions
    )


def _in_vain(work: Work, observed: Observed) -> str:
    release = known_release(work.release_id, observed)
    if release is None:
        return ""
    if work.purpose == "fill" and not serving(release, observed):
        return "the view that it filled is gone"
    if work.purpose == "verify" and complete_view(release, observed) is None:
        return "what it verified is gone"
    return ""


def _has_another_image(work: Work, observed: Observed) -> bool:
    """Whether the release is to be built with another revision's image than this Job's. Only if it isn't built yet."""
    for revision, release in in_turn(observed):
        if release.id == work.release_id:
            is_other = work.hash not in ("", revision.hash)
            return is_other and complete_view(release, observed) is None
    return False


def _patience(work: Work, observed: Observed) -> float:
    record = observed.record(work.release_id)
    is_inconclusive = record is not None and record.state == "verifying" and bool(record.reason)
    return INCONCLUSIVE_S if work.purpose == "verify" and is_inconclusive else AGAIN_S
