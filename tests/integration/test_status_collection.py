"""The status tells what is there, and what is wrong, on a real server."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from support.applying import Site, make_site
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import Quarantine, RolloutRecord
from turnout.status import look


@pytest.fixture
def site(elastic_url: str, names: Names, tmp_path: Path) -> Site:
    return make_site(elastic_url, names, tmp_path)


def test_of_a_collection_that_was_never_built_there_is_nothing_to_tell(reader: Reader, names: Names) -> None:
    status = look(reader, names, compare=True)
    assert (status.documents, status.views, status.releases, status.problems) == (0, (), (), ())


def test_it_tells_releases_views_and_lag(site: Site) -> None:
    site.apply(site.a)
    site.apply(site.b)
    site.upsert("new", "the signal is red")
    status = look(site.world.reader, site.world.names)
    assert (status.live_release, status.problems) == (site.b.id, ())
    assert [(view.behind, view.is_live) for view in status.views] == [(1, False), (1, True)]
    releases = {release.release_id: release for release in status.releases}
    assert {key: release.state for key, release in releases.items()} == {site.a.id: "former", site.b.id: "live"}
    assert releases[site.b.id].checks == dict.fromkeys(
        ("attestation", "parity", "placeholders", "ann_recall", "quality"), "pass"
    )
    assert [flip.to_release for flip in status.flips] == [site.a.id, site.b.id]


def test_a_view_that_is_not_equal_and_an_alias_moved_by_hand_are_problems(site: Site) -> None:
    site.apply(site.a)
    site.apply(site.b)
    names, index = site.world.names, site.view_of(site.a)
    moves = [{"add": {"index": index, "alias": names.alias}}]
    site.world.writer.update_aliases(moves)
    assert "points at 2 indexes" in look(site.world.reader, names).problems[0]
    site.world.writer.update_aliases([{"remove": {"index": site.view_of(site.b), "alias": names.alias}}])
    site.world.reader._client.delete(index=index, id="default:d1", version=2**62, version_type="external", refresh=True)
    status = look(site.world.reader, names, compare=True)
    assert status.live_release is None
    assert "moved by hand" in status.problems[0]
    assert f"{index} is not equal to documents" in status.problems[1]
    assert site.revert(to=site.b.id).to_release == site.b.id


def test_it_tells_what_the_controller_saw_and_its_problems_are_problems(site: Site) -> None:
    site.apply(site.a)
    names, writer = site.world.names, site.world.writer
    seen = RolloutRecord(
        collection=names.collection,
        at="2026-01-01T00:00:00+00:00",
        rollout="search-toys",
        phase="Degraded",
        message="",
        stable=site.a.id,
        canary=site.b.id,
        canary_state="quarantined",
        weight=0,
        problems=("the ConfigMap of the release doesn't parse",),
    )
    condemned = Quarantine(
        collection=names.collection, at="2026-01-01T00:00:00+00:00", release_id=site.b.id, by="run-1", reason="slow"
    )
    writer.put_state(names, seen)
    writer.put_state(names, condemned)
    writer.put_state(Names(collection="others", prefix=names.prefix), replace(condemned, collection="others"))
    status = look(site.world.reader, names)
    assert (status.rollout, status.quarantined, status.problems) == (seen, (condemned,), seen.problems)
    writer.put_state(names, replace(condemned, release_id=site.a.id))
    assert f"release {site.a.id} is live and in quarantine" in look(site.world.reader, names).problems[1]
