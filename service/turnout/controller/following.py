"""Which views are kept up to date, for which release and with whose image. Called by `desired`.

At most the alias' views, the stable release's, the canary's and one to go back to: each costs a model and a process.
"""

from __future__ import annotations

from collections.abc import Iterator

from turnout.alias.retirable import rollback_targets
from turnout.controller.actions import Follow, Stop
from turnout.controller.observed import Observed, Revision
from turnout.controller.retiring import judged_records
from turnout.controller.seen import filled_view, verdict
from turnout.elastic.state import ReleaseRecord, ReleaseState

_OWNERS: tuple[ReleaseState, ...] = ("live", "former", "ready", "verifying", "building", "retired", "failed")
_ROLES = ("stable", "canary", "former")


def followed(observed: Observed) -> dict[str, str]:
    """The views to keep up to date, most needed first, each with the release that it is kept for.

    An empty release id says that no record and no revision tells which one it is.
    """
    ours = {seen.view.index for seen in observed.views if not seen.view.meta.adopted}
    wanted = [index for index in sorted(observed.targets) if index in ours]
    asked = _asked(observed)
    wanted += [index for index in asked if index in ours]
    back = _to_go_back_to(observed)
    wanted += [back] if back in ours else []
    return {index: asked.get(index) or _owner(index, observed) for index in dict.fromkeys(wanted)}


def follows(observed: Observed) -> Iterator[Follow]:
    """A follower for each view that has none that can run, or one for another release or image than it should."""
    running = {work.view: work for work in observed.work if work.purpose == "follow" and work.can_run}
    for index, release_id in followed(observed).items():
        revision = _exact(release_id, observed)
        image = revision or _fitting(index, observed)
        work = running.get(index)
        if image is None or not release_id:
            continue
        # Another revision's image is only better if it is the release's own.
        has_image = work is not None and (revision is None or work.hash in ("", revision.hash))
        if work is not None and work.release_id == release_id and has_image:
            continue
        config_map = revision.config_map if revision is not None else ""
        yield Follow(view=index, release_id=release_id, hash=image.hash, config_map=config_map)


def followers_to_stop(observed: Observed) -> Iterator[Stop]:
    """The followers of views that nobody needs up to date any more, or that are gone."""
    wanted = followed(observed)
    for work in observed.work:
        if work.purpose == "follow" and work.view not in wanted:
            yield Stop(name=work.name, purpose=work.purpose, why=f"nobody needs {work.view} kept up to date")


def _asked(observed: Observed) -> dict[str, str]:
    """The views of stable and canary with their releases; the stable one's, where they share a view."""
    found: dict[str, str] = {}
    for revision in (observed.revision("stable"), observed.revision("canary")):
        if revision is None or revision.release is None or verdict(revision.release.id, observed):
            continue
        seen = filled_view(revision.release, observed)
        if seen is not None:
            found.setdefault(seen.view.index, revision.release.id)
    return found


def _to_go_back_to(observed: Observed) -> str | None:
    """The view of the newest former release; the one that its record names, if it has more than one."""
    existing = {seen.view.index for seen in observed.views}
    targets = rollback_targets(observed.flips, judged_records(observed), keep=1)
    for release_id, views in targets.items():
        record = observed.record(release_id)
        if record is not None and record.view in views & existing:
            return record.view
        return max(views & existing, default=None)
    return None


def _owner(index: str, observed: Observed) -> str:
    """The release that a view is for, by its records: the best state, then the newest; else who it was built for."""
    naming = [record for record in observed.records if record.view == index]
    if naming:
        return min(sorted(naming, key=lambda record: record.at, reverse=True), key=_rank).release_id
    built_for = next((seen.view.meta.built_for for seen in observed.views if seen.view.index == index), "")
    return built_for if _exact(built_for, observed) or observed.record(built_for) else ""


def _rank(record: ReleaseRecord) -> int:
    return _OWNERS.index(record.state)


def _exact(release_id: str, observed: Observed) -> Revision | None:
    """A revision that runs this very release, stable before canary: an image on trial is no better than one that
    serves.
    """
    naming = [revision for revision in observed.revisions if revision.release and revision.release.id == release_id]
    return min(naming, key=lambda revision: _ROLES.index(revision.role), default=None)


def _fitting(index: str, observed: Observed) -> Revision | None:
    """Else one whose models give the same vectors, else stable, else the newest."""
    embedding = next(seen.view.meta.embedding_fingerprint for seen in observed.views if seen.view.index == index)
    for revision in observed.revisions:
        if revision.release is not None and revision.release.fingerprints.embedding == embedding:
            return revision
    return observed.revision("stable") or next(iter(observed.revisions), None)
