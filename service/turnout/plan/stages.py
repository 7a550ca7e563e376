"""The stages of a change. `explain` prints this tuple and `apply` walks it; there is no second list anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

import msgspec

from turnout.plan.change import Change, Difference
from turnout.plan.observed import Observed, ObservedView
from turnout.plan.patch import mapping_patch, settings_patch
from turnout.release.artifacts import Release


class _Stage(msgspec.Struct, frozen=True, kw_only=True, tag_field="stage"):
    """A `view` of None is the one that the plan's CreateView makes."""


class CreateView(_Stage, frozen=True, kw_only=True, tag="create-view"):
    """Make an empty index for the release's index fingerprint."""

    index_fingerprint: str


class ChangeMapping(_Stage, frozen=True, kw_only=True, tag="change-mapping"):
    """Change a live view in place and note in its `_meta` that it serves the new index fingerprint too.

    `mappings` and `settings` are the bodies to send: only what changes. Either may be empty.
    """

    view: str
    index_fingerprint: str
    mappings: dict[str, Any]
    settings: dict[str, Any]


class Backfill(_Stage, frozen=True, kw_only=True, tag="backfill"):
    """Fill a view from the documents index. `copy` takes vectors from `source_view` where the text is equal."""

    view: str | None
    mode: Literal["embed", "copy"]
    source_view: str | None
    documents: int | None


class CatchUp(_Stage, frozen=True, kw_only=True, tag="catch-up"):
    """Follow the documents index until nothing is outstanding."""

    view: str | None


class Verify(_Stage, frozen=True, kw_only=True, tag="verify"):
    """Parity, attestation, ANN recall and judged quality against the gates."""

    view: str | None


class Flip(_Stage, frozen=True, kw_only=True, tag="flip"):
    """Make the release live. The alias moves unless `from_view` and `view` are the same index."""

    view: str | None
    from_view: str | None


class KeepFollowing(_Stage, frozen=True, kw_only=True, tag="keep-following"):
    """Go on writing to the view that was live, so that going back loses no write."""

    view: str


Stage: TypeAlias = CreateView | ChangeMapping | Backfill | CatchUp | Verify | Flip | KeepFollowing


def stages(
    head: Release, observed: Observed, *, base: Release | None = None, differences: Iterable[Difference] = ()
) -> tuple[Stage, ...]:
    """What brings `head` live from what is observed; empty if it is live already.

    The class of the change decides only whether an existing view can be changed in place; whether there is something to
    fill, and from where, is decided by the views that exist. That is why going back to a release whose view is still
    followed has no backfill.
    """
    live = observed.live_view
    if observed.live_release_id == head.id and live is not None and head.fingerprints.index in live.index_fingerprints:
        return ()
    view, preparation = _prepare(head, observed, base, tuple(differences))
    ending: list[Stage] = [CatchUp(view=view), Verify(view=view)]
    ending.append(Flip(view=view, from_view=live.index if live else None))
    if live is not None and live.index != view and not live.adopted:
        ending.append(KeepFollowing(view=live.index))
    return (*preparation, *ending)


def _prepare(
    head: Release, observed: Observed, base: Release | None, found: tuple[Difference, ...]
) -> tuple[str | None, list[Stage]]:
    # What was adopted is left as it is: without turnout's own fields nothing in it can be brought up to date.
    views = [view for view in observed.views if not view.adopted]
    serving = _serving(views, head.fingerprints.index)
    if serving is not None:
        return serving.index, [] if serving.filled else [_backfill(serving.index, head, observed)]
    in_place = base is not None and max((item.change for item in found), default=Change.NONE) is Change.IN_PLACE
    target = _serving(views, base.fingerprints.index) if base is not None and in_place else None
    # Another release may have put fields into the view since; then only a new index is sure to be what `head` says.
    if base is not None and target and target.filled and target.index_fingerprints[-1] == base.fingerprints.index:
        change = ChangeMapping(
            view=target.index,
            index_fingerprint=head.fingerprints.index,
            mappings=mapping_patch(head.mapping, found),
            settings=settings_patch(found),
        )
        return target.index, [change]
    return None, [CreateView(index_fingerprint=head.fingerprints.index), _backfill(None, head, observed)]


def _backfill(view: str | None, head: Release, observed: Observed) -> Backfill:
    donors = [
        donor
        for donor in observed.views
        if donor.embedding_fingerprint == head.fingerprints.embedding
        and donor.filled
        and not donor.adopted
        and donor.index != view
    ]
    source = max(donors, key=_worth, default=None)
    return Backfill(
        view=view,
        mode="copy" if source else "embed",
        source_view=source.index if source else None,
        documents=observed.documents,
    )


def _serving(views: Iterable[ObservedView], index_fingerprint: str) -> ObservedView | None:
    return max((view for view in views if index_fingerprint in view.index_fingerprints), key=_worth, default=None)


def _worth(view: ObservedView) -> tuple[bool, bool, bool, int]:
    """Which of several views to use: the live one, then a whole one, then one that is up to date."""
    return (view.is_live, view.filled, view.caught_up, view.documents)
