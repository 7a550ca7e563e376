"""Views: find one, and check that a release may be followed into it."""

from __future__ import annotations

import numpy as np

from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.views import View
from turnout.embedding import Embedder
from turnout.embedding.attestation import least_cosine
from turnout.errors import Refused
from turnout.release.artifacts import Release


class ViewGone(Refused):
    """The view doesn't exist (any more)."""


def find_view(reader: Reader, names: Names, index: str) -> View:
    """The view called `index`.

    Raises:
        ViewGone: no such index, or not a view of this collection.
    """
    for view in reader.views(names):
        if view.index == index:
            return view
    raise ViewGone(
        "there is no such view", where=index, remedy=f"`turnout status {names.collection}` shows the views there are"
    )


def followed_view(reader: Reader, names: Names, release: Release, index: str) -> View:
    """The view called `index`, if it serves `release`.

    Raises:
        Refused: missing, or of another index or embedding fingerprint.
    """
    view = find_view(reader, names, index)
    if release.fingerprints.index not in view.meta.index_fingerprints:
        raise Refused(
            f"the view serves {', '.join(view.meta.index_fingerprints)}, not {release.fingerprints.index}",
            where=index,
            remedy=f"follow the view that was built for release {release.id}, or build one",
        )
    _same_embedding(view, release)
    return view


def reusable_view(reader: Reader, names: Names, release: Release, index: str) -> View:
    """The view called `index`, if its vectors may be taken for `release`.

    Raises:
        Refused: missing, or of another embedding fingerprint.
    """
    view = find_view(reader, names, index)
    _same_embedding(view, release)
    return view


def _same_embedding(view: View, release: Release) -> None:
    if view.meta.embedding_fingerprint != release.fingerprints.embedding:
        raise Refused(
            f"the view's vectors are of {view.meta.embedding_fingerprint}, not {release.fingerprints.embedding}",
            where=view.index,
            remedy="choose a view of the same embedding fingerprint",
        )


def attest(embedder: Embedder, view: View, release: Release) -> None:
    """Check that `embedder` gives the vectors that the view's probes hold.

    Raises:
        Refused: a probe differs more than the release's gate allows, or the view has no probes.
    """
    if not view.meta.probes:
        raise Refused("the view holds no probes", where=view.index, remedy="build the view again")
    probes = tuple((probe.kind, probe.text) for probe in view.meta.probes)
    stored = np.stack([probe.array() for probe in view.meta.probes])
    least = float("nan")
    if stored.shape[1] == embedder.dims:
        least = least_cosine(embedder, probes, stored)
    needed = release.gates.verify.attestation.min_cosine
    if not least >= needed:
        raise Refused(
            f"the model doesn't give the vectors of this view: least cosine {least:.6f}, at least {needed} is needed",
            where=view.index,
            remedy=f"run the model that filled it ({release.model.id}, by the digests of the release)",
        )
