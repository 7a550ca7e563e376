"""An apply that is killed anywhere leaves the alias where it was, and the next one goes on from there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.applying import Site, make_site
from turnout.apply import Ended, Event, Started
from turnout.elastic.names import Names
from turnout.elastic.state import AnyRecord, FlipRecord
from turnout.elastic.writer import Writer
from turnout.errors import Refused, Unavailable
from turnout.follow import Progress
from turnout.status import look
from turnout.verify import Check

BUILD = ["create-view", "backfill", "catch-up", "verify", "flip"]


class Killed(BaseException):
    """No code may catch it, like a kill."""


@pytest.fixture
def site(elastic_url: str, names: Names, tmp_path: Path) -> Site:
    return make_site(elastic_url, names, tmp_path)


def killing(at: Callable[[Event], bool]) -> Callable[[Event], None]:
    def listen(event: Event) -> None:
        if at(event):
            raise Killed

    return listen


def started(name: str) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, Started) and type(event.stage).__struct_config__.tag == name


def ended(name: str) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, Ended) and type(event.stage).__struct_config__.tag == name


def test_an_apply_that_is_killed_at_each_stage_in_turn_is_resumed_to_its_end(site: Site) -> None:
    site.apply(site.a)
    live = site.targets()
    points = [point for name in BUILD for point in (started(name), ended(name))][:-1]
    points.insert(3, lambda event: isinstance(event, Progress))
    points.insert(-2, lambda event: isinstance(event, Check))
    for number, point in enumerate(points):
        with pytest.raises(Killed):
            site.apply(site.b, killing(point))
        assert site.targets() == live
        assert site.states()[site.a.id] == "live"
        site.upsert(f"written-{number}", "the branch line is clear")
    assert site.apply(site.b) == ["catch-up", "verify", "flip", "keep-following"]
    assert site.states() == {site.a.id: "former", site.b.id: "live"}
    assert len(site.world.reader.views(site.world.names)) == 2
    assert site.is_equal(site.b)


class DyingWriter(Writer):
    """Dies where a flip is to be remembered: the alias has moved, and nothing says so."""

    def __init__(self, writer: Writer) -> None:
        super().__init__(writer._client)

    def put_state(self, names: Names, record: AnyRecord, **options: object) -> None:
        if isinstance(record, FlipRecord):
            raise Killed
        super().put_state(names, record, **options)  # type: ignore[arg-type]


@pytest.fixture
def half_flipped(site: Site) -> Site:
    """A was live; the alias is on B's view and no record knows."""
    site.apply(site.a)
    with pytest.raises(Killed):
        site.apply(site.b, writer=DyingWriter(site.world.writer))
    assert site.states() == {site.a.id: "live", site.b.id: "ready"}
    assert site.targets() == {site.view_of(site.b)}
    return site


def test_a_flip_that_was_killed_half_way_is_seen_and_finished_by_the_next_apply(half_flipped: Site) -> None:
    site = half_flipped
    status = look(site.world.reader, site.world.names)
    assert (status.live_release, len(status.problems)) == (None, 1)
    assert "a flip was interrupted" in status.problems[0]
    assert site.apply(site.b) == ["catch-up", "verify", "flip"]
    assert site.states() == {site.a.id: "former", site.b.id: "live"}
    assert look(site.world.reader, site.world.names).problems == ()


def test_a_flip_that_was_killed_half_way_can_be_gone_back_from(half_flipped: Site) -> None:
    site = half_flipped
    assert site.revert().to_release == site.a.id
    assert site.targets() == {site.view_of(site.a)}
    assert site.states() == {site.a.id: "live", site.b.id: "ready"}


def test_a_revert_brings_back_an_alias_that_was_taken_away(site: Site) -> None:
    site.apply(site.a)
    names, index = site.world.names, site.view_of(site.a)
    site.world.writer.update_aliases([{"remove": {"index": index, "alias": names.alias}}])
    assert look(site.world.reader, names).problems == (f"release {site.a.id} is live, but the alias is gone",)
    assert site.revert().to_release == site.a.id
    assert site.targets() == {index}


def test_a_server_that_goes_away_leaves_the_alias_and_what_was_reached(site: Site) -> None:
    site.apply(site.a)
    live = site.targets()

    def away(event: Event) -> None:
        if isinstance(event, Check) and event.name == "parity":
            raise Unavailable("Elasticsearch can't be reached")

    with pytest.raises(Unavailable):
        site.apply(site.b, away)
    assert (site.targets(), site.states()) == (live, {site.a.id: "live", site.b.id: "verifying"})


def test_without_a_release_there_is_nothing_to_go_back_to(site: Site) -> None:
    with pytest.raises(Refused, match="no release was live"):
        site.revert()
    site.apply(site.a)
    with pytest.raises(Refused, match="no release was live before"):
        site.revert()
    with pytest.raises(Refused, match="can't be gone back to"):
        site.revert(to=site.a.id)
