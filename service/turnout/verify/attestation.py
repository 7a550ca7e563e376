"""Is the model that runs here the one that filled the view? Called by verify.

Dims and types can't tell: a model of the same dims with other weights, pooling or prefix searches without an error and
finds nonsense. The view keeps a few texts with the vectors that its filling model gave; they are embedded again here.
"""

from __future__ import annotations

import numpy as np

from turnout.elastic.views import View
from turnout.embedding import Embedder
from turnout.embedding.attestation import least_cosine
from turnout.release.artifacts import AttestationGate
from turnout.verify.report import Check, Verdict


def attestation(view: View, embedder: Embedder, gate: AttestationGate) -> Check:
    """Embed the view's probes and compare with what is stored; the least cosine decides."""
    probes = view.meta.probes
    if not probes:
        return _check("fail", "the view holds no probes: nothing says which model filled it")
    stored = [probe.array() for probe in probes]
    dims = sorted({vector.size for vector in stored})
    if dims != [embedder.dims]:
        return _check("fail", f"the model gives {embedder.dims} dims, the view's probes have {dims}")
    if not all(np.isfinite(vector).all() and vector.any() for vector in stored):
        return _check("fail", "a stored probe vector is zero or not finite")
    least = least_cosine(embedder, [(probe.kind, probe.text) for probe in probes], np.stack(stored))
    evidence = {"probes": len(probes), "min_cosine": gate.min_cosine}
    evidence["least_cosine"] = least
    if not least >= gate.min_cosine:  # so that NaN fails, too
        reason = f"another model filled this view: least cosine {least:.5f}, the gate asks for {gate.min_cosine:.5f}"
        return _check("fail", reason, evidence)
    return _check("pass", f"the model gives the vectors that fill the view: least cosine {least:.5f}", evidence)


def _check(verdict: Verdict, reason: str, evidence: dict[str, float] | None = None) -> Check:
    return Check(name="attestation", verdict=verdict, reason=reason, evidence=evidence or {})
