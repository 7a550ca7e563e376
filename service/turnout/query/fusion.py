"""Reciprocal rank fusion by document (Cormack, Clarke, Buettcher 2009). Elasticsearch's own needs a paid licence.

Called by the service and by evaluation, so that what is judged is what is served.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence


def fuse(rankings: Sequence[Sequence[str]], *, constant: int) -> list[tuple[str, float]]:
    """One ranking out of several: (id, score), best first, ties by id.

    The score of an id is the sum of 1 / (constant + rank) over the rankings that have it, ranks from 1. An id that a
    ranking repeats counts there once, at its best rank. The order of the rankings doesn't matter, not even in the
    last bit of a score.
    """
    shares: defaultdict[str, list[float]] = defaultdict(list)
    for ranking in rankings:
        for rank, document in enumerate(dict.fromkeys(ranking), start=1):
            shares[document].append(1.0 / (constant + rank))
    scores = ((document, math.fsum(parts)) for document, parts in shares.items())
    return sorted(scores, key=lambda pair: (-pair[1], pair[0]))
