"""A seeded few of the cases by which the bench holds the classifier against the server, through the same code."""

from __future__ import annotations

import random

import pytest
from elasticsearch import Elasticsearch

from bench.gate_classifier import rendered, summary
from support import classifier_server
from support.classifier_cases import FieldCase, field_cases, plain
from support.classifier_server import field_outcomes, known_here
from support.classifier_settings import whole_cases
from support.classifier_whole import whole_outcomes
from turnout.plan import Change
from turnout.plan.change import ABSENT

SEED, FIELDS, WHOLE = 20261121, 100, 6


def test_server_and_rules_agree_on_a_seeded_part_of_the_matrix(client: Elasticsearch, prefix: str) -> None:
    draw = random.Random(SEED)
    cases = draw.sample(list(field_cases(known_here(client, prefix))), FIELDS)
    outcomes = [*field_outcomes(client, prefix, cases)]
    distinct = {case.name: case for case in draw.sample(list(whole_cases()), WHOLE)}
    outcomes += whole_outcomes(client, prefix, distinct.values())
    figures = summary(outcomes)
    assert len(outcomes) == FIELDS + len(distinct)
    assert (figures["agreement"], figures["disagreements"], figures["unclaimed_in_place"]) == (1.0, [], 0)
    assert figures["cases"] > FIELDS / 2
    assert list(rendered(outcomes, {**figures, "not_measurable": [], "seconds": 0}))


@pytest.fixture
def believing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every difference is called in-place and taken, as by rules that know nothing."""
    import msgspec

    judge = classifier_server.judge

    def credulous(base: dict, head: dict) -> classifier_server.Judged:
        judged = judge(base, head)
        found = (msgspec.structs.replace(item, change=Change.IN_PLACE, server="takes") for item in judged.found)
        return judged._replace(found=tuple(found))

    monkeypatch.setattr(classifier_server, "judge", credulous)


@pytest.mark.usefixtures("believing")
def test_wrong_rules_are_found_out(client: Elasticsearch, prefix: str) -> None:
    nested = {"type": "object", "properties": {"old": {"type": "keyword"}}}
    alias = {**nested, "properties": {**nested["properties"], "new": plain("alias")}}
    number = {"type": "long", "ignore_malformed": True}
    cases = [
        FieldCase("refused", "type", {"type": "text"}, {"type": "keyword"}),
        FieldCase("ignored", "gone", {"type": "object", "dynamic": "false"}, {"type": "object"}),
        FieldCase("refuses documents", "multi", {"type": "completion"}, plain("completion", fields={"n": number})),
        FieldCase("changes searches", "alias", nested, alias),
        FieldCase("right", "new", ABSENT, {"type": "keyword"}),
    ]
    found = {outcome.group: outcome for outcome in field_outcomes(client, prefix, cases)}
    assert {group: outcome.agreed for group, outcome in found.items()} == {
        "refused": False,
        "ignored": False,
        "refuses documents": False,
        "changes searches": False,
        "right": True,
    }
    assert "conflicts" in found["refused"].words or "cannot be changed" in found["refused"].words
    assert found["ignored"].words.startswith("acknowledged, but")
    assert found["refuses documents"].harmed.endswith("was refused afterwards")
    assert found["changes searches"].harmed.startswith("a search found")
