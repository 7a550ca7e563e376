"""All mutations, in the order in which they are drilled."""

from __future__ import annotations

from drill import harm_guards, harm_model, harm_search, harmless_changes, harmless_spelling
from drill.mutation import Mutation, in_order

HARMFUL: list[Mutation] = [*harm_model.HARMFUL, *harm_search.HARMFUL, *harm_guards.HARMFUL]
HARMLESS: list[Mutation] = [*harmless_spelling.HARMLESS, *harmless_changes.HARMLESS]
ALL: tuple[Mutation, ...] = tuple(in_order([*HARMFUL, *HARMLESS]))
