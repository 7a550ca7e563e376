"""Writes, applies, reverts and followers in any order: nothing is lost, nothing deleted comes back, one alias."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from support.applying import make_site
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.release.artifacts import Release

KEYS = st.sampled_from([f"d{n}" for n in range(8)] + ["new-1", "new-2"])
WORD = st.sampled_from(["signal", "train", "branch", "points"])


class AliasReader:
    """Searches the alias all the while: every search must be answered, from one index."""

    def __init__(self, client: Elasticsearch, alias: str) -> None:
        self._client, self._alias = client, alias
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.problems: list[str] = []
        self._thread.start()

    def _read(self) -> None:
        while not self._end.wait(0.02):
            try:
                hits = self._client.search(index=self._alias, size=20, _source=False)["hits"]["hits"]
            except Exception as error:
                self.problems.append(repr(error))
                continue
            if len({hit["_index"] for hit in hits}) > 1:
                self.problems.append("answered from two views")

    def stop(self) -> list[str]:
        self._end.set()
        self._thread.join(10)
        return self.problems


class Collection(RuleBasedStateMachine):
    """The subclass that a test makes says where."""

    url: str
    client: Elasticsearch
    models: Path

    def __init__(self) -> None:
        super().__init__()
        self.prefix = f"t{uuid.uuid4().hex[:10]}-"
        self.site = make_site(self.url, Names(collection="toys", prefix=self.prefix), self.models, documents=8)
        self.said: dict[str, str | None] = dict(self.site.texts)
        self.readers: list[AliasReader] = []

    @initialize()
    def bring_up_a(self) -> None:
        self.site.apply(self.site.a)
        self.readers.append(AliasReader(self.client, self.site.world.names.alias))

    @rule(key=KEYS, word=WORD)
    def upsert(self, key: str, word: str) -> None:
        self.site.upsert(key, word)
        self.said[key] = word

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        self.site.world.documents.delete(key)
        if key in self.said:
            self.said[key] = None

    @rule(is_b=st.booleans())
    def apply(self, is_b: bool) -> None:
        release = self.site.b if is_b else self.site.a
        was_moved = bool(self.site.apply(release))
        assert self.site.states()[release.id] == "live"
        if was_moved:
            self.agrees(release)

    @precondition(lambda self: len(self.site.states()) == 2)
    @rule()
    def revert(self) -> None:
        to = self.site.revert().to_release
        self.agrees(next(r for r in (self.site.a, self.site.b) if r.id == to))

    @rule()
    def follow(self) -> None:
        for release in self.built():
            self.site.catch_up(release)

    @invariant()
    def the_alias_is_on_exactly_one_view(self) -> None:
        assert not self.readers or len(self.site.targets()) == 1

    def built(self) -> list[Release]:
        return [release for release in (self.site.a, self.site.b) if release.id in self.site.states()]

    def agrees(self, release: Release) -> None:
        """The release's view says what was acknowledged, no more and no less."""
        reader: Reader = self.site.world.reader
        index = self.site.view_of(release)
        reader.refresh(index)
        wanted: dict[str, Any] = {
            f"default:{key}": ("deleted", None) if text is None else ("live", text) for key, text in self.said.items()
        }
        found = {
            hit.id: (hit.source["turnout"]["state"], hit.source.get("body"))
            for hit in reader.scan(index, sort="turnout.id", fields=["turnout", "body"])
        }
        assert found == wanted
        shown = reader.search(self.site.world.names.alias, {"size": 50, "_source": False})["hits"]["hits"]
        if self.site.targets() == {index}:
            assert {hit["_id"] for hit in shown} == {key for key, (state, _) in wanted.items() if state == "live"}

    def teardown(self) -> None:
        problems = [problem for each in self.readers for problem in each.stop()]
        try:
            self.follow()
            for release in self.built():
                self.agrees(release)
                assert self.site.is_equal(release)
            assert problems == []
        finally:
            self.client.indices.delete(
                index=list(self.client.indices.get(index=f"{self.prefix}*", expand_wildcards="all"))
            )


@pytest.mark.timeout(300)
def test_any_order_of_writes_applies_and_reverts_keeps_every_promise(
    elastic_url: str, client: Elasticsearch, tmp_path: Path
) -> None:
    run_state_machine_as_test(
        type("Here", (Collection,), {"url": elastic_url, "client": client, "models": tmp_path}),
        settings=settings(
            max_examples=8,
            stateful_step_count=12,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],  # shrinking would take minutes on a server
            suppress_health_check=list(HealthCheck),
        ),
    )
