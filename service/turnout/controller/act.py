"""Carries out what was decided about one collection. Called by `reconcile`, at each look; each action may be repeated.

An action that fails doesn't hold up the others: what it said is a problem for people, and the next look decides again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from turnout.controller.actions import (
    Action,
    Collect,
    Condemn,
    Decision,
    Fill,
    Flip,
    Follow,
    Propose,
    Retire,
    Stop,
    Verify,
)
from turnout.controller.drain import Drains
from turnout.controller.flips import move_alias
from turnout.controller.look import Looker
from turnout.controller.make import make_follower, make_job
from turnout.controller.observed import Observed
from turnout.controller.quarantine import Proposals, condemn
from turnout.controller.retiring import to_retire
from turnout.controller.tools import Deposed, Tools
from turnout.errors import TurnoutError
from turnout.kube.api import Conflict
from turnout.kube.objects import Meta

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What came of the actions. `problems`: by a short fixed word, in a sentence. `done`: what changed the world, in a
    sentence each; an action that found its work done isn't among them.
    """

    problems: dict[str, str] = field(default_factory=dict)
    done: list[tuple[Action, str]] = field(default_factory=list)


class Actor:
    """Acts for one collection. Remembers what lies between two looks: drains, and proposals that failed."""

    def __init__(self, tools: Tools, looker: Looker) -> None:
        self._tools, self._looker = tools, looker
        self._drains = Drains(tools.drain_s)
        self._proposals = Proposals(tools.host)
        self._seen_maps: dict[str, Meta] = {}
        self._logged: set[str] = set()

    def carry_out(self, decision: Decision, observed: Observed) -> Outcome:
        """Do everything that was decided, in its order.

        Raises:
            Deposed: this replica may not act any more. What was done is done rightly.
        """
        outcome = Outcome()
        # Those of the look that was decided on: another look may come before they are used.
        self._seen_maps = self._looker.config_maps
        self._drains.keep({action.view for action in decision.actions if isinstance(action, Retire)})
        for action in decision.actions:
            self._tools.check()
            try:
                said = self._take(action, observed)
            except Deposed:
                raise
            except Exception as error:
                _add(outcome.problems, f"{tag(action)}-failed", self._told(error, action))
                continue
            if said:
                outcome.done.append((action, said))
        return outcome

    def _told(self, error: Exception, action: Action) -> str:
        """What to tell people. An error that isn't one of ours is logged with all there is, when it is new."""
        said = told(error)
        if not isinstance(error, TurnoutError) and said not in self._logged:
            self._logged.add(said)
            log.exception("%s", action)
        return said

    def _take(self, action: Action, observed: Observed) -> str:
        """Do one; what was done, empty if there was nothing to do."""
        match action:
            case Fill() | Verify():
                return make_job(self._tools, action, observed)
            case Follow():
                return make_follower(self._tools, action, observed)
            case Stop():
                return self._stop(action)
            case Flip():
                move_alias(action, observed, self._tools, look=self._looker.look)
                return f"the alias points at {action.view} for release {action.release_id}: {action.why}"
            case Condemn():
                new = condemn(action, observed, self._tools.both, self._tools.names, self._tools.now())
                return f"release {action.release_id} is in quarantine ({action.by}): {action.reason}" if new else ""
            case Propose():
                address = self._proposals.propose(self._tools.both, self._tools.names, action.release_id)
                return f"the revert of release {action.release_id} is proposed: {address}" if address else ""
            case Retire():
                return self._retire(action.view)
            case Collect():
                return self._collect(action.config_map)
            case _:
                assert_never(action)

    def _stop(self, action: Stop) -> str:
        writer = self._tools.kube_writer
        (writer.delete_deployment if action.purpose == "follow" else writer.delete_job)(action.name)
        return f"{action.name} is stopped: {action.why}"

    def _retire(self, view: str) -> str:
        gone = self._drains.retire(
            self._tools.both,
            self._tools.names,
            view,
            now=self._tools.now,
            still_spare=lambda: view in to_retire(self._looker.look()),
        )
        return f"view {view} is deleted: nobody needs it, and nobody searched it" if gone else ""

    def _collect(self, name: str) -> str:
        meta = self._seen_maps.get(name)
        if meta is None:
            return ""
        try:
            self._tools.kube_writer.delete_config_map(meta)
        except Conflict:
            return ""  # it was changed since, so somebody may need it: the next look says
        return f"ConfigMap {name} is deleted: nothing names it"


def tag(action: Action) -> str:
    """The word for a kind of action, as in metrics and events."""
    return str(action.__struct_config__.tag)


def _add(problems: dict[str, str], key: str, sentence: str) -> None:
    problems[key] = f"{problems[key]}; {sentence}" if key in problems else sentence


def told(error: Exception) -> str:
    """An error for people: of our own errors place, problem and remedy in one line, of others their kind too."""
    if isinstance(error, TurnoutError):
        return " ".join(str(error).split())
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]


def sentences(problems: Mapping[str, str]) -> tuple[str, ...]:
    """Problems as they are shown in status: in a fixed order, each with its word."""
    return tuple(f"{key}: {problems[key]}" for key in sorted(problems))
