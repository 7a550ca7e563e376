"""`turnout apply` at work: plan, print, walk. Apart from the verb's own file, for it loads all that an apply needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import IO

import msgspec
from rich.console import Console

from turnout import observed
from turnout.apply import Context, Event, Started, Until, apply, fill_shard, is_ready, persistently, require_free, up_to
from turnout.cli.applying import Inputs, context
from turnout.cli.progress import Teller, as_json_lines
from turnout.cli.settings import Settings
from turnout.cli.view_metrics import Tally, ViewMetrics
from turnout.follow import Progress
from turnout.plan import CreateView, Plan, make_plan
from turnout.plan.text import text

Listen = Callable[[Event], None]

_JUDGED_ELSEWHERE = "policy and overrides are not at hand and were judged before the merge"


@dataclass(frozen=True)
class Applying:
    """One run of the verb."""

    settings: Settings
    inputs: Inputs
    until: Until
    processes: int | None
    events: IO[str] | None
    metrics: ViewMetrics | None = None

    def run(self, shard: int | None, allowed: Callable[[], None]) -> None:
        """Plan and walk, or fill one shard's part. For a release that came alone nobody watches: it is persistent.

        Args:
            allowed: raises if this Elasticsearch may not be changed from here.
        """
        console = Console(soft_wrap=True)  # a name is never broken in the middle
        with Teller(console) as teller:
            listen = as_json_lines(self.events, teller) if self.events else teller
            listen = _counted(self.metrics, listen) if self.metrics else listen
            part = self._whole if shard is None else partial(self._part, shard)
            work = partial(_if, allowed, partial(part, console, listen))
            said = persistently(work, listen) if self.inputs.alone else work()
        console.print(said, highlight=False)

    def _whole(self, console: Console, listen: Listen) -> str:
        head = self.inputs.release
        reader, names = self.settings.reader(), self.settings.names(head.collection)
        if self.until == "ready":
            require_free(reader, names, head.id)
            if is_ready(reader, names, head):
                return f"release {head.id} is ready already; nothing to do"
        plan = self._plan(console)
        if not plan.stages and not plan.refusals:
            return f"release {head.id} is {self.until} already; nothing to do"
        apply(plan, head, self._context(listen), until=self.until)
        return f"[green]release {head.id} is {self.until}[/]"

    def _part(self, shard: int, console: Console, listen: Listen) -> str:
        head = self.inputs.release
        fill_shard(partial(self._plan, console), head, self._context(listen), shard)
        return f"[green]shard {shard} is filled for release {head.id}[/]"

    def _plan(self, console: Console) -> Plan:
        inputs, head = self.inputs, self.inputs.release
        reader, names = self.settings.reader(), self.settings.names(head.collection)
        live, seen = observed.live_release(reader, names), observed.observe(reader, names)
        plan = make_plan(live, head, seen, overrides=inputs.overrides, policy=inputs.policy)
        plan = up_to(_as_notes(plan) if inputs.alone else plan, self.until)
        for part in text(plan):
            console.print(part)
        return plan

    def _context(self, listen: Listen) -> Context:
        inputs = self.inputs
        made = context(
            self.settings, inputs.release.collection, listen, processes=self.processes, judged=inputs.query_set
        )
        return replace(made, billed=self.metrics.billed) if self.metrics else made


def _counted(metrics: ViewMetrics, listen: Listen) -> Listen:
    """Tell the metrics, too. A shard's stages name their view, but the one that makes it."""
    tally = Tally()

    def told(event: Event) -> None:
        match event:
            case Started(stage=stage):
                tally.restart()
                if not isinstance(stage, CreateView) and stage.view is not None:
                    metrics.of(stage.view)
            case Progress():
                metrics.add(tally.new(event))
        listen(event)

    return told


def _if(allowed: Callable[[], None], work: Callable[[], str]) -> str:
    allowed()
    return work()


def _as_notes(plan: Plan) -> Plan:
    """What no override was asked for can't be called lifted by one."""
    notes = tuple(f"{_JUDGED_ELSEWHERE}; by {each.rule}: {each.what}" for each in plan.lifted)
    return msgspec.structs.replace(plan, lifted=(), notes=(*plan.notes, *notes))
