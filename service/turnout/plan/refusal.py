"""A rule that says no. Apart from `refusals` and `policy`, which both make them."""

from __future__ import annotations

import msgspec


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that says no, why, and what to do."""

    rule: str
    what: str
    remedy: str


def or_override(remedy: str, rule: str) -> str:
    """A remedy, or else an override of the rule."""
    return f"{remedy}, or add an override of {rule} to overrides.yaml, with a reason and a day"
