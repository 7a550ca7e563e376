"""Asks a real server about settings and the root of a mapping: many of them share an index, each is sent by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from elasticsearch import Elasticsearch

from support.classifier_server import Answer, Judged, Outcome, judge, refusal
from support.classifier_settings import DOCUMENT, FIELDS, WholeCase, body, rounds
from turnout.plan import Change
from turnout.plan.change import ABSENT
from turnout.plan.patch import mapping_patch, settings_patch
from turnout.plan.settings import flat_settings


class _Clash(Exception):
    """No index can have all of it at once."""


def whole_outcomes(client: Elasticsearch, prefix: str, cases: Iterable[WholeCase]) -> Iterator[Outcome]:
    """The outcome of every case."""
    for number, sharing in enumerate(rounds(cases)):
        try:
            yield from _round(client, f"{prefix}whole-{number}", sharing)
        except _Clash:
            for place, case in enumerate(sharing):
                yield from _round(client, f"{prefix}whole-{number}-{place}", [case])


def _round(client: Elasticsearch, index: str, cases: list[WholeCase]) -> list[Outcome]:
    try:
        return list(_outcomes(client, index, cases))
    except _Clash as clash:
        if len(cases) > 1:
            raise
        return [Outcome(cases[0].group, cases[0].what, "unknown", Change.COPY, "not asked", str(clash))]
    finally:
        client.indices.delete(index=[index, f"{index}-fresh"], ignore_unavailable=True)


def _outcomes(client: Elasticsearch, index: str, cases: list[WholeCase]) -> Iterator[Outcome]:
    judged = {case.name: judge(body(case, case.before), body(case, case.after)) for case in cases}
    _create(client, index, {case.name: (case, case.before) for case in cases})
    client.index(index=index, document=DOCUMENT, refresh=True, routing="r")
    found = _search(client, index)
    # What is in place goes first: only then is it to blame when the stable release is hurt.
    additive = [case for case in cases if judged[case.name].change is Change.IN_PLACE]
    words = _asked(client, index, {case.name: judged[case.name] for case in additive})
    wrong = refusal(lambda: client.index(index=index, document=DOCUMENT, refresh=True, routing="r"))
    wrong = wrong or ("" if _search(client, index) == [*found, *found] else "a search finds something else")
    words |= _asked(client, index, {case.name: judged[case.name] for case in cases if case not in additive})
    ignored = _ignored(client, index, [case for case in cases if words[case.name] == ""])
    for case in cases:
        said = ignored.get(case.name) or words[case.name]
        answer: Answer = "not asked" if said is None else "refuses" if said else "takes"
        plan = judged[case.name]
        harmed = wrong if plan.change is Change.IN_PLACE else ""
        yield Outcome(case.group, case.what, plan.claim, plan.change, answer, said or "", harmed)


def _asked(client: Elasticsearch, index: str, judged: dict[str, Judged]) -> dict[str, str | None]:
    """The server's refusals of the stage's own bodies; empty where it took them, None where there was nothing to send.

    What it should take goes at once, and by itself only if the server doesn't take that.
    """
    bodies = {
        name: (mapping_patch(plan.head.mapping, plan.found), settings_patch(plan.found))
        for name, plan in judged.items()
    }
    hoped = [name for name, sent in bodies.items() if any(sent) and judged[name].claim == "takes"]
    together: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for name in hoped:
        together[0].update(bodies[name][0])
        together[1].update(bodies[name][1])
    done = set(hoped) if not _send(client, index, *together) else set()
    return {
        name: "" if name in done else _send(client, index, *sent) if any(sent) else None
        for name, sent in bodies.items()
    }


def _send(client: Elasticsearch, index: str, mappings: dict[str, Any], settings: dict[str, Any]) -> str:
    if mappings and (why := refusal(lambda: client.indices.put_mapping(index=index, body=mappings))):
        return why
    return refusal(lambda: client.indices.put_settings(index=index, settings=settings)) if settings else ""


def _search(client: Elasticsearch, index: str) -> list[Any]:
    """What a search of the stable release finds: documents whole, as they are stored."""
    answer = client.search(index=index, query={"match": {"title": "probe"}}, sort="_doc")
    return [hit.get("_source") for hit in answer["hits"]["hits"]]


def _create(client: Elasticsearch, index: str, values: dict[str, tuple[WholeCase, Any]]) -> None:
    settings: dict[str, Any] = {"number_of_shards": 1}
    mappings: dict[str, Any] = {"properties": FIELDS}
    for case, value in values.values():
        if value is not ABSENT and case.group == "root":
            mappings[case.name] = value
        elif value is not ABSENT:
            settings |= flat_settings({case.name: value})
    if why := refusal(lambda: client.indices.create(index=index, settings=settings, mappings=mappings)):
        raise _Clash(f"can't be made: {why}")


def _ignored(client: Elasticsearch, index: str, taken: list[WholeCase]) -> dict[str, str]:
    """Which acknowledged changes weren't made, held against an index that has each from the start."""
    if not taken:
        return {}
    fresh = f"{index}-fresh"
    _create(client, fresh, {case.name: (case, case.after) for case in taken})
    shown, wanted = (_shown(client, name) for name in (index, fresh))
    return {
        case.name: f"acknowledged, but it is {_part(shown, case)} instead of {_part(wanted, case)}"
        for case in taken
        if _part(shown, case) != _part(wanted, case)
    }


def _shown(client: Elasticsearch, index: str) -> dict[str, Any]:
    return dict(client.indices.get(index=index, flat_settings=True)[index])


def _part(shown: dict[str, Any], case: WholeCase) -> Any:
    if case.group == "root":
        return shown["mappings"].get(case.name)
    at = f"index.{case.name}"
    return {name: value for name, value in shown["settings"].items() if name == at or name.startswith(f"{at}.")}
