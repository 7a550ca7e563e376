"""Shows what a rehearsal is at. Apart from `checking`, for it loads all that a rehearsal works with."""

from __future__ import annotations

from collections.abc import Callable

from turnout.apply import Started
from turnout.cli.checking import Progress
from turnout.cli.progress import name
from turnout.follow import Progress as Followed
from turnout.rehearsal.settings import Event, Phase


def listener(progress: Progress) -> Callable[[Event], None]:
    """Tells each phase and each stage of it to `progress`."""
    phase = ""

    def listen(event: Event) -> None:
        nonlocal phase
        match event:
            case Phase(name=phase):
                progress.detail(phase)
            case Started(stage=stage):
                progress.detail(f"{phase}: {name(stage)}")
            case Followed(counts=counts, total=total):
                progress.detail(f"{phase}: {counts.documents:,} of {total:,} documents")
            case _:
                pass

    return listen
