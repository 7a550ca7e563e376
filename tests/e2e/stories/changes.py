"""The edits that the stories' engineer makes. Each gives a release that no other story has, because a failed one stays
in quarantine."""

from __future__ import annotations

import itertools

from demo import edits
from e2e.world import Edit, World
from support.workspace import Workspace

_NUMBERS = itertools.count(61)


def tuned() -> Edit:
    """A query setting: the ranking stays the same but for ties, and no document has to move."""
    number = next(_NUMBERS)

    def edit(workspace: Workspace) -> None:
        workspace.edit("pipeline.yaml", {"retrieval.rank_constant": number})

    return edit


def model_384(world: World) -> Edit:
    """all-MiniLM-L6-v2 with its 384 dims, as it is committed in the project."""
    return lambda workspace: edits.release_b(workspace, world.source)


def rechunked(world: World) -> Edit:
    """The same with shorter passages: every document has to be embedded again."""

    def edit(workspace: Workspace) -> None:
        edits.release_b(workspace, world.source)
        workspace.edit("pipeline.yaml", {"chunk.size": 150})

    return edit


def back_and_tuned(world: World) -> Edit:
    """The static model and the usual passages, with another query setting."""
    tune = tuned()

    def edit(workspace: Workspace) -> None:
        edits.release_a(workspace, world.static)
        workspace.edit("pipeline.yaml", {"chunk.size": 200})
        tune(workspace)

    return edit


def titles_only() -> Edit:
    """Searches by words in titles only: valid, fast, and bad."""
    tune = tuned()

    def edit(workspace: Workspace) -> None:
        workspace.edit("pipeline.yaml", {"retrieval.mode": "lexical", "retrieval.lexical_fields": {"title": 1}})
        tune(workspace)

    return edit
