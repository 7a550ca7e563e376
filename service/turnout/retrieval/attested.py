"""Is the model of this process the one that filled the view? Called by `pinning` before anything is pinned."""

from __future__ import annotations

import numpy as np

from turnout.elastic.views import View
from turnout.embedding import Embedder
from turnout.embedding.attestation import least_cosine
from turnout.errors import Refused


def attest(view: View, embedder: Embedder, *, min_cosine: float) -> None:
    """Embed the view's probes and compare them with the stored vectors.

    Raises:
        Refused: the least cosine is below `min_cosine`, or the view has no probes to compare with.
    """
    probes = [(probe.kind, probe.text) for probe in view.meta.probes]
    stored = [probe.array() for probe in view.meta.probes]
    alike = len({vector.size for vector in stored}) == 1
    least = least_cosine(embedder, probes, np.stack(stored)) if alike else -1.0
    # Not `least < min_cosine`: a NaN must not pass.
    if not least >= min_cosine:
        raise Refused(
            f"the model is not the one that filled {view.index}: the least cosine of its probes is {least:.5f},"
            f" {min_cosine:.5f} is asked for",
            where=view.index,
            remedy="give the pod the model that model.yaml names, or build the view again",
        )
