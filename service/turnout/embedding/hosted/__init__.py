"""Hosted embedding models: somebody else's server behind the interface of the local runtimes.

`turnout.embedding.store.load` starts one for a model whose runtime is `openai` or `cohere`. Whoever calls it hands down
a `Hosting`: the key, what the release allows, and how long to be patient. `request`, and `limiter`, `retry`, `packing`
and `budget` below it, do no I/O and read no clock, so that a simulation runs the very code that runs here.
"""

from turnout.embedding.hosted.budget import Billed, Ledger, MemoryLedger
from turnout.embedding.hosted.hosting import Hosting, backfilling, serving

__all__ = ["Billed", "Hosting", "Ledger", "MemoryLedger", "backfilling", "serving"]
