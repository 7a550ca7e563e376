"""Tells the events of an apply or a revert as they happen: to a person, and as JSON lines for reports."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import IO, Any, assert_never

import msgspec
import orjson
from rich.console import Console
from rich.status import Status

from turnout.apply import Ended, Event, Started, Waiting
from turnout.follow import Progress
from turnout.plan import Stage
from turnout.verify import Check

SIGNS = {"pass": "[green]pass[/]", "fail": "[red]fail[/]", "inconclusive": "[yellow]inconclusive[/]"}
PLAIN_EVERY_SECONDS = 5.0


class Teller:
    """Shows an apply to a person: live on a terminal, plain lines elsewhere. A context manager, so that the terminal
    is left clean."""

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
            case Waiting(what=what, seconds=seconds):
                self._console.print(f"    {what}, for {seconds:.0f} s now", style="dim", highlight=False)
            case Progress():
                self._follow(event)
            case Check():
                self._console.print(f"    {SIGNS[event.verdict]} {event.name}: ", end="", highlight=False)
                self._console.print(event.reason, markup=False, highlight=False)
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


def as_json_lines(file: IO[str], listen: Callable[[Event], None]) -> Callable[[Event], None]:
    """Write every event to `file` as one JSON line, flushed as it happens, and pass it on to `listen`."""

    def told(event: Event) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        file.write(orjson.dumps({"at": at, **as_record(event)}).decode() + "\n")
        file.flush()
        listen(event)

    return told


def as_record(event: Event) -> dict[str, Any]:
    """An event as JSON values. `event` says which: started, ended, waiting, progress or check."""
    match event:
        case Started(stage=stage, number=number, of=of):
            return {"event": "started", "stage": name(stage), "number": number, "of": of}
        case Ended(stage=stage, seconds=seconds):
            return {"event": "ended", "stage": name(stage), "seconds": seconds}
        case Waiting(what=what, seconds=seconds):
            return {"event": "waiting", "what": what, "seconds": seconds}
        case Progress():
            counts = {key: getattr(event.counts, key) for key in event.counts.__dataclass_fields__}
            told = {"total": event.total, "seconds": event.seconds, "round": event.round, "eta_s": event.eta_s}
            return {"event": "progress", **counts, **told}
        case Check():
            return {"event": "check", **msgspec.to_builtins(event)}
        case _:
            assert_never(event)


def name(stage: Stage) -> str:
    """A stage as a person reads it: `create-view`, `flip`."""
    tag = type(stage).__struct_config__.tag
    return str(tag)
