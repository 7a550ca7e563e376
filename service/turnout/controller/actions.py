"""What can be done about what was seen. `desired` lists them, `act` walks the list; each is safe to repeat."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from turnout.controller.observed import Purpose


class Fill(msgspec.Struct, frozen=True, kw_only=True, tag_field="action", tag="fill"):
    """Have the view of a release made and filled by an Indexed Job, a pod for each of `shards`."""

    release_id: str
    hash: str
    shards: int


class Verify(msgspec.Struct, frozen=True, kw_only=True, tag_field="action", tag="verify"):
    """Have a release verified by a Job: what is missing of its view is filled, then it is judged."""

    release_id: str
    hash: str


class Follow(msgspec.Struct, frozen=True, kw_only=True, tag_field="action", tag="follow"):
    """Have a Deployment keep `view` up to date. `hash`: the revision whose image and models are used.

    `config_map` holds the release that the view is followed for; empty: it has to be written from the record first.
    """

    view: str
    release_id: str
    hash: str
    config_map: str


class Stop(msgspec.Struct, frozen=True, kw_only=True, tag_field="action", tag="stop"):
    """Delete a Job or Deployment that nobody needs any more, or a failed Job, so that it is tried again."""

    name: str
    purpose: Purpose
    why: str


class Flip(msgspec.Struct, frozen=True, kw_only=True, tag_field="action", tag="flip"):
    """Move the alias to the stable release's view, if it still is where it was seen."""

    release_id: str
    view: str
    expect: tuple[str, ...]
    why: str


class Condemn(msgspec.Struct, frozen=True, kw_only=True, tag_field="action", tag="condemn"):
    """Put a release into quarantine."""

    release_id: str
    by: str
    reason: str
    stable: str | None


class Propose(msgspec.Struct, frozen=True, kw_only=True, tag_field="action", tag="propose"):
    """Propose the pull request that reverts a quarantined release."""

    release_id: str


class Retire(msgspec.Struct, frozen=True, kw_only=True, tag_field="action", tag="retire"):
    """Delete a view that nobody can need any more, once nobody has searched it for a while."""

    view: str


class Collect(msgspec.Struct, frozen=True, kw_only=True, tag_field="action", tag="collect"):
    """Delete a release ConfigMap that nothing names."""

    config_map: str


Action: TypeAlias = Fill | Verify | Follow | Stop | Flip | Condemn | Propose | Retire | Collect

State = Literal["unknown", "waiting", "building", "verifying", "ready", "failed", "quarantined"]
"""How far the release of a revision is. `ready` lets its canary start, `failed` and `quarantined` end it, all
others wait.
"""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How far one revision is, and what it waits for, in a sentence."""

    hash: str
    release_id: str
    state: State
    waits_for: str = ""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from what was seen. `problems` are for people: status, an event, a metric; keys are short
    fixed words.
    """

    actions: tuple[Action, ...]
    standings: tuple[Standing, ...]
    problems: dict[str, str]
