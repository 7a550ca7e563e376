"""What a live cluster shows, as far as planning needs it. Made by `turnout.observed`; this package never asks."""

from __future__ import annotations

import msgspec

from turnout.release.artifacts import Release


class ObservedView(msgspec.Struct, frozen=True, kw_only=True):
    """A physical index of the collection.

    `documents` counts live documents. `is_live`: the alias points at it. `filled`: a backfill has once reached its end.
    `caught_up`: all operations of the documents index were in it when it was looked at. `adopted`: turnout didn't make
    it; it is compared with, never changed, copied from or gone back to.
    """

    index: str
    index_fingerprints: tuple[str, ...]
    embedding_fingerprint: str
    documents: int
    is_live: bool
    caught_up: bool
    filled: bool = True
    adopted: bool = False


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """A collection on a cluster.

    `known` is false when no cluster was asked. `documents` counts live documents, None if unknown. `sample_tokens`
    holds the estimated tokens of each document of a random sample. `frozen` stops flips.
    """

    known: bool
    documents: int | None = None
    sample_tokens: tuple[int, ...] = ()
    views: tuple[ObservedView, ...] = ()
    alias_targets: tuple[str, ...] = ()
    live_release_id: str | None = None
    frozen: bool = False

    @property
    def live_view(self) -> ObservedView | None:
        """The view that the alias points at; None without an alias or when it points at several."""
        if len(self.alias_targets) != 1:
            return None
        return next((view for view in self.views if view.index == self.alias_targets[0]), None)


def assumed(base: Release | None) -> Observed:
    """What to plan with when no cluster can be asked: the base release is live and its view is whole."""
    if base is None:
        return Observed(known=False)
    index = f"(the view of {base.id})"
    view = ObservedView(
        index=index,
        index_fingerprints=(base.fingerprints.index,),
        embedding_fingerprint=base.fingerprints.embedding,
        documents=0,
        is_live=True,
        caught_up=True,
    )
    return Observed(known=False, views=(view,), alias_targets=(index,), live_release_id=base.id)
