"""Shows the events of an apply or a revert as they happen. Live bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import assert_never

from rich.console import Console
from rich.status import Status

from turnout.apply import Ended, Event, Started
from turnout.follow import Progress
from turnout.plan import Stage
from turnout.verify import Check

SIGNS = {"pass": "[green]pass[/]", "fail": "[red]fail[/]", "inconclusive": "[yellow]inconclusive[/]"}
PLAIN_EVERY_SECONDS = 5.0


class Teller:
    """Listens to an apply. A context manager, so that the terminal is left clean."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = Status("", console=console) if console.is_terminal else None
        self._last = 0.0

    def __enter__(self) -> Teller:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        match event:
            case Started(stage=stage, number=number, of=of):
                self._console.print(f"[bold]{number}/{of}[/] {name(stage)}", highlight=False)
                self._update(name(stage))
            case Ended(seconds=seconds):
                self._console.print(f"    done in {seconds:.1f} s", style="dim", highlight=False)
                self._update("")
            case Progress():
                self._follow(event)
            case Check():
                self._console.print(f"    {SIGNS[event.verdict]} {event.name}: ", end="", highlight=False)
                self._console.print(event.reason, markup=False, highlight=False, soft_wrap=True)
            case _:
                assert_never(event)

    def _follow(self, progress: Progress) -> None:
        counts = progress.counts
        eta = f", about {progress.eta_s:.0f} s left" if progress.eta_s else ""
        text = f"{counts.documents:,} of {progress.total:,} operations, {counts.embedded:,} passages embedded"
        text += f", {counts.reused:,} reused{eta}"
        self._update(text)
        now = time.monotonic()
        if self._status is None and now - self._last >= PLAIN_EVERY_SECONDS:
            self._last = now
            self._console.print(f"    {text}", highlight=False)

    def _update(self, text: str) -> None:
        if self._status:
            self._status.update(text)


def name(stage: Stage) -> str:
    """A stage as a person reads it: `create-view`, `flip`."""
    tag = type(stage).__struct_config__.tag
    return str(tag)
