"""Ids that no index can hold are refused one by one, and stop nothing else."""

from __future__ import annotations

import pytest

from turnout.elastic.documents import document_id
from turnout.errors import BadInput


@pytest.mark.parametrize(("tenant", "source_id"), [("t", "half\ud800"), ("half\udc00", "a")])
def test_half_a_character_is_bad_input(tenant: str, source_id: str) -> None:
    with pytest.raises(BadInput, match="UTF-8"):
        document_id(tenant, source_id)


@pytest.mark.parametrize("source_id", ["_leading", "#hash/slash?q=1", "\u00e9\U0001f682", "a:b", " ", "\n", "x" * 510])
def test_odd_ids_that_an_index_can_hold_stay_as_they_are(source_id: str) -> None:
    assert document_id("t", source_id) == f"t:{source_id}"
