"""Which documents of a view may be found at all. Used by every search body and by whoever counts live documents."""

from __future__ import annotations

from typing import Any

# The fields that turnout adds to every document of a view, under one object that users may not name.
SYSTEM_FIELD = "turnout"

# Tombstones and placeholders are documents of the view too; only `live` ones are results.
LIVE_FILTER: dict[str, Any] = {"term": {f"{SYSTEM_FIELD}.state": "live"}}
