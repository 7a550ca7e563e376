"""A good release whose model is somebody else's server: the base of drills about money."""

from __future__ import annotations

from drill.edits import MODEL, PIPELINE, drop, put
from drill.mutation import Edit

TO_HOSTED: tuple[Edit, ...] = (
    drop(MODEL, "/digests", "/pooling"),
    put(
        MODEL,
        {
            "/id": "example-embedding-small",
            "/revision": "2026-01-15",
            "/endpoint": "https://embeddings.example.com/v1",
            "/runtime": {"name": "openai", "precision": "fp32"},
            "/price": {"per_million_tokens": 0.02, "currency": "USD"},
        },
    ),
    put(
        PIPELINE,
        {
            "/budget": {"per_month": 20, "per_backfill": 1, "currency": "USD"},
            "/expected": {"documents": 3500, "changes_per_day": 40, "queries_per_hour": 100},
        },
    ),
)
"""From the own model to a hosted one, with its price, a budget and the load that is expected."""

RATE_LIMIT: Edit = put(PIPELINE, {"/embed/rate_limit": {"requests_per_minute": 60, "tokens_per_minute": 20_000}})
"""What an hour without end may ask for: 1.2 million tokens, 0.02 USD."""
