"""Small builders of what the controller sees, for tests of its judgment: a healthy collection, and changes to it."""

from __future__ import annotations

from typing import Any

import msgspec

from support.releases import make_release
from turnout.controller.observed import FailedAnalysis, Observed, Revision, Role, Rolling, SeenView, Work
from turnout.elastic.state import FlipRecord, Quarantine, ReleaseRecord, ReleaseState
from turnout.elastic.views import View, ViewMeta
from turnout.release.artifacts import Release

COLLECTION = "toys"
FIRST = make_release(COLLECTION)
MODEL = make_release(COLLECTION, model={"revision": "2", "digests": {"weights": "sha256:" + "1" * 64}})
"""Another model than FIRST: its view has to be embedded."""
QUERY = make_release(COLLECTION, pipeline={"retrieval": {"rank_constant": 30}})
"""Searches the view of FIRST in another way."""
FIELD = make_release(COLLECTION, mapping={"mappings": {"properties": {"colour": {"type": "keyword"}}}})
"""Adds a field to FIRST, which Elasticsearch takes in place."""
POOL = (FIRST, MODEL, QUERY, FIELD)


def at(minute: int) -> str:
    """A time that sorts by its minute."""
    return f"2026-01-01T{minute // 60:02}:{minute % 60:02}:00+00:00"


def view(
    release: Release, *, name: str = "", behind: int | None = 0, filled: bool = True, also: tuple[Release, ...] = ()
) -> SeenView:
    """A view that was made for `release`, and serves `also` since it was changed in place."""
    meta = ViewMeta(
        collection=COLLECTION,
        index_fingerprints=tuple(dict.fromkeys(item.fingerprints.index for item in (release, *also))),
        embedding_fingerprint=release.fingerprints.embedding,
        documents=f"{COLLECTION}.documents",
        built_for=release.id,
        created_at=at(0),
    )
    index = name or view_name(release)
    made = View(index=index, uuid=index, meta=meta, mappings={}, settings={}, aliases=frozenset())
    return SeenView(view=made, behind=behind, filled=filled)


def view_name(release: Release) -> str:
    """The name of the first view of a release."""
    return f"v-{release.fingerprints.index}"


def record(
    release: Release, state: ReleaseState, *, of: str | None = "", reason: str = "", minute: int = 30
) -> ReleaseRecord:
    """How far a release has come, on its own view unless `of` says otherwise."""
    return ReleaseRecord(
        collection=COLLECTION,
        at=at(minute),
        release_id=release.id,
        state=state,
        view=view_name(release) if of == "" else of,
        release=msgspec.to_builtins(release),
        reason=reason,
    )


def revision(release: Release | None, role: Role, *, hash: str = "", number: int = 1, **more: Any) -> Revision:
    """A revision, named after its release; a stable one has ready pods unless `ready` says otherwise."""
    name = hash or (release.id if release is not None else "unread")
    more.setdefault("ready", 2 if role == "stable" else 0)
    config_map = f"release-{release.id}" if release is not None else "release-gone"
    return Revision(hash=name, number=number, role=role, config_map=config_map, release=release, **more)


def rollout(*, failed: bool = False, **more: Any) -> Rolling:
    """The Rollout; `failed` is an abort by an analysis that failed."""
    verdict = FailedAnalysis(run="search-toys-2-1", metric="errors", reason="too many errors") if failed else None
    settings = {"phase": "Healthy", "message": "", "aborted": failed, "settled": True, "failed": verdict} | more
    return Rolling(name=f"search-{COLLECTION}", **settings)


def job(purpose: Any, release: Release, ended: Any = "", *, hash: str = "", **more: Any) -> Work:
    """A Job of ours; a failed one is old enough to be tried again unless `seconds_ago` says otherwise."""
    more.setdefault("seconds_ago", 3600.0 if ended == "failed" else 0.0)
    name = f"{purpose}-{COLLECTION}-{hash or release.id}"
    return Work(name=name, purpose=purpose, release_id=release.id, ended=ended, hash=hash or release.id, **more)


def follower(of: str, release: Release, *, hash: str = "") -> Work:
    """A follower of a view, with the image of its release's revision."""
    return Work(
        name=f"follow-{of}", purpose="follow", release_id=release.id, view=of, ready=True, hash=hash or release.id
    )


def flip(release: Release, before: Release | None = None, *, minute: int = 31) -> FlipRecord:
    """The alias went to the view of `release`."""
    return FlipRecord(
        collection=COLLECTION,
        at=at(minute),
        from_view=view_name(before) if before else None,
        to_view=view_name(release),
        from_release=before.id if before else None,
        to_release=release.id,
        reason="",
    )


def quarantine(release: Release, *, stable: Release | None = FIRST, proposal: str = "") -> Quarantine:
    """A release that failed while `stable` was served."""
    return Quarantine(
        collection=COLLECTION,
        at=at(40),
        release_id=release.id,
        by="search-toys-2-1: errors",
        reason="too many errors",
        stable=stable.id if stable is not None else None,
        proposal=proposal,
    )


def healthy(**more: Any) -> Observed:
    """FIRST is stable, live and followed; there is nothing to do. `more` replaces what a test is about."""
    return msgspec.structs.replace(
        Observed(
            collection=COLLECTION,
            rollout=rollout(),
            revisions=(revision(FIRST, "stable"),),
            work=(follower(view_name(FIRST), FIRST),),
            views=(view(FIRST),),
            records=(record(FIRST, "live"),),
            flips=(flip(FIRST),),
            targets=frozenset({view_name(FIRST)}),
            quarantined={},
            shards=4,
        ),
        **more,
    )


def trial(canary: Release, *others: Any, **more: Any) -> Observed:
    """FIRST is stable, `canary` is asked for. `others` are added to what there is: views, records, work."""
    seen = healthy()
    added: dict[str, Any] = {
        "revisions": (revision(canary, "canary", number=2), *seen.revisions),
        "views": seen.views + tuple(item for item in others if isinstance(item, SeenView)),
        "records": seen.records + tuple(item for item in others if isinstance(item, ReleaseRecord)),
        "work": seen.work + tuple(item for item in others if isinstance(item, Work)),
        "rollout": rollout(phase="Progressing"),
    }
    return msgspec.structs.replace(seen, **(added | more))
