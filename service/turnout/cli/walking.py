"""`turnout apply` at work: plan, print, walk. Apart from the verb's own file, for it loads all that an apply needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import IO

import msgspec
from rich.console import Console

from turnout import observed
from turnout.apply import Context, Until, apply, fill_shard, is_ready, require_free, up_to
from turnout.cli.applying import Inputs, context
from turnout.cli.progress import Teller, as_json_lines
from turnout.cli.settings import Settings
from turnout.plan import Plan, make_plan
from turnout.plan.text import text

_JUDGED_ELSEWHERE = "policy and overrides are not at hand and were judged before the merge"


@dataclass(frozen=True)
class Applying:
    """One run of the verb."""

    settings: Settings
    inputs: Inputs
    until: Until
    processes: int | None
    events: IO[str] | None

    def whole(self) -> None:
        """Plan and walk, unless nothing is left to do."""
        head, console = self.inputs.release, Console(soft_wrap=True)  # a name is never broken in the middle
        reader, names = self.settings.reader(), self.settings.names(head.collection)
        if self.until == "ready":
            require_free(reader, names, head.id)
            if is_ready(reader, names, head):
                console.print(f"release {head.id} is ready already; nothing to do", highlight=False)
                return
        plan = self._plan(console)
        if not plan.stages and not plan.refusals:
            console.print(f"release {head.id} is {self.until} already; nothing to do", highlight=False)
            return
        with Teller(console) as teller:
            apply(plan, head, self._context(teller), until=self.until)
        console.print(f"[green]release {head.id} is {self.until}[/]", highlight=False)

    def one_shard(self, shard: int) -> None:
        """Fill one shard's part of the view."""
        head, console = self.inputs.release, Console(soft_wrap=True)
        with Teller(console) as teller:
            fill_shard(partial(self._plan, console), head, self._context(teller), shard)
        console.print(f"[green]shard {shard} is filled for release {head.id}[/]", highlight=False)

    def _plan(self, console: Console) -> Plan:
        inputs, head = self.inputs, self.inputs.release
        reader, names = self.settings.reader(), self.settings.names(head.collection)
        live, seen = observed.live_release(reader, names), observed.observe(reader, names)
        plan = make_plan(live, head, seen, overrides=inputs.overrides, policy=inputs.policy)
        plan = up_to(_as_notes(plan) if inputs.alone else plan, self.until)
        for part in text(plan):
            console.print(part)
        return plan

    def _context(self, teller: Teller) -> Context:
        listen = as_json_lines(self.events, teller) if self.events else teller
        inputs = self.inputs
        return context(
            self.settings, inputs.release.collection, listen, processes=self.processes, judged=inputs.query_set
        )


def _as_notes(plan: Plan) -> Plan:
    """What no override was asked for can't be called lifted by one."""
    notes = tuple(f"{_JUDGED_ELSEWHERE}; by {each.rule}: {each.what}" for each in plan.lifted)
    return msgspec.structs.replace(plan, lifted=(), notes=(*plan.notes, *notes))
