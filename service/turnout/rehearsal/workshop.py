"""What all phases of one rehearsal share: the server, the models, the clock of the phases, the space."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from turnout.apply import Context, Ended
from turnout.apply import Event as ApplyEvent
from turnout.elastic.names import Names
from turnout.elastic.writer import Writer
from turnout.rehearsal.lock import Lock
from turnout.rehearsal.models import Models
from turnout.rehearsal.reading import RememberingReader
from turnout.rehearsal.settings import Phase, Settings
from turnout.rehearsal.space import Space


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What there is before a space is. `seconds` holds what each phase has taken so far."""

    settings: Settings
    reader: RememberingReader
    writer: Writer
    models: Models
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Workshop(Bench):
    """With a space of one's own. `names` are the collection's in it."""

    names: Names
    space: Space
    lock: Lock

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Announce and time a phase."""
        self.lock.check()
        with timed(self.seconds, name, self.settings):
            yield

    def context(self, stage_seconds: dict[str, float]) -> Context:
        """For `apply`; how long each stage took is put into `stage_seconds`."""
        settings = self.settings

        def listen(event: ApplyEvent) -> None:
            if isinstance(event, Ended):
                tag = str(type(event.stage).__struct_config__.tag)
                stage_seconds[tag] = stage_seconds.get(tag, 0.0) + event.seconds
            settings.listen(event)

        return Context(
            reader=self.reader,
            writer=self.writer,
            names=self.names,
            url=settings.url,
            models=settings.models,
            now=settings.now,
            listen=listen,
            processes=settings.processes,
            query_set=settings.query_set,
            api_key=settings.api_key,
            ca=settings.ca,
            embedding_key=settings.embedding_key,
            load=self.models.of,
        )


@contextmanager
def timed(seconds: dict[str, float], name: str, settings: Settings) -> Iterator[None]:
    """Tell that a phase begins and add up how long it took."""
    settings.listen(Phase(name))
    began = time.monotonic()
    try:
        yield
    finally:
        seconds[name] = seconds.get(name, 0.0) + time.monotonic() - began
