"""How fast a backfill goes, as measured. One table; the plan prints where its figures come from.

All figures are medians for all-MiniLM-L6-v2 (384 dims, 22 million parameters) at 256 tokens on 2 threads, and for bulk
requests of 10,000 documents into one node on the same machine. A model of another size is another story: take the
estimate for an order of magnitude.
"""

from __future__ import annotations

SOURCE = "all-MiniLM-L6-v2 at 256 tokens, 2 threads, one node"

_TOKENS = 256

# (runtime, precision) -> tokens per second. What isn't here wasn't measured, and the plan says so.
EMBED_TOKENS_PER_SECOND: dict[tuple[str, str], float] = {
    ("onnx", "fp32"): 25 * _TOKENS,
    ("openvino", "fp32"): 26 * _TOKENS,
    ("openvino", "bf16"): 46 * _TOKENS,
    ("sentence-transformers", "fp32"): 20 * _TOKENS,
    ("sentence-transformers", "bf16"): 38 * _TOKENS,
    ("static", "fp32"): 1200 * _TOKENS,
}

HOSTED = "embedding: as fast as the rate limit allows; the provider's own speed is not known"
BURST_SHARE = 0.1
"""The part of a minute's allowance that the client of a hosted model keeps for bursts (`hosted.limiter`, held together
by a test): a request holds at most so many tokens, and the steady flow is what is left."""

# Vectors per second through the bulk API with base64 vectors. Building the graph is what costs.
WRITE_VECTORS_PER_SECOND_FLAT = 9919.0
WRITE_VECTORS_PER_SECOND_HNSW = 2084.0
