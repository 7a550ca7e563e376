"""Asks a real server about single changes, and the plan's rules about the same ones.

Cases about fields share indexes, one field each, because a new index takes much longer than a PUT. Whether a change was
really made is told by a second index that has it from the start: what the server shows of both must be equal.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from elasticsearch import ApiError, Elasticsearch

from support.classifier_cases import COMMON, FieldCase, plain
from support.releases import make_release
from turnout.plan import Change, differences, highest
from turnout.plan.change import ABSENT, Difference
from turnout.plan.patch import mapping_patch
from turnout.plan.types import KNOWN_TYPES
from turnout.release.artifacts import Release

SETTINGS = {
    "number_of_shards": 1,
    "number_of_replicas": 0,
    "mapping.total_fields.limit": 100_000,
    "mapping.nested_fields.limit": 10_000,
}
CHUNK = 150
# What the stable release may write into a field: whatever was taken before the change must be taken after it.
VALUES: tuple[Any, ...] = (
    *("probe", "", "x" * 40_000, "é" * 20_000, "2026-01-01", "1.5", "1,1", "::1", "true"),
    *(1, -1.5, 10**19, True, None, ["a", 1, None], [1, 2, 3, 4, 5, 6, 7, 8], {"a": "b"}, {"lat": 1, "lon": 2}),
)
Answer = Literal["takes", "refuses", "not asked"]


class Outcome(NamedTuple):
    """What the rules say about a case and what the server did."""

    group: str
    what: str
    claim: str
    change: Change
    answer: Answer
    words: str
    """The server's own, or what is wrong otherwise."""
    harmed: str = ""
    """How the change hurt the stable release; looked at for class in-place only."""

    @property
    def agreed(self) -> bool | None:
        """Whether rule and server say the same and in-place is safe; None where the rule claims nothing."""
        if self.claim == "unknown" or self.answer == "not asked":
            return False if self.change is Change.IN_PLACE and self.claim == "unknown" else None
        return self.claim == self.answer and not self.harmed


class Judged(NamedTuple):
    """A case as the plan sees it."""

    base: Release
    head: Release
    found: tuple[Difference, ...]

    @property
    def change(self) -> Change:
        return highest(self.found)

    @property
    def claim(self) -> str:
        """Of all differences together: one refusal refuses the whole change."""
        said = {item.server for item in self.found}
        return next((word for word in ("refuses", "unknown", "takes") if word in said), "takes")


def judge(base: dict[str, Any], head: dict[str, Any]) -> Judged:
    """What the plan says about two create-index bodies that nothing fills or asks."""
    nothing = {"retrieval": {"lexical_fields": {}, "filter_fields": []}}
    was, now = (make_release(pipeline=nothing) for _ in range(2))
    import msgspec

    was, now = msgspec.structs.replace(was, mapping=base), msgspec.structs.replace(now, mapping=head)
    found = tuple(item for item in differences(was, now) if item.path.startswith("/mapping"))
    return Judged(was, now, found)


def known_here(client: Elasticsearch, prefix: str) -> frozenset[str]:
    """The types that this server has; others can't be measured."""
    index = f"{prefix}types"
    missing = _index(client, index, {kind: plain(kind) for kind in sorted(KNOWN_TYPES)})
    client.indices.delete(index=index)
    return KNOWN_TYPES - missing.keys()


def field_outcomes(client: Elasticsearch, prefix: str, cases: Iterable[FieldCase]) -> Iterator[Outcome]:
    """The outcome of every case about a field."""
    for number, chunk in enumerate(_chunks(list(cases))):
        index = f"{prefix}fields-{number}"
        try:
            yield from _Chunk(client, index, chunk).outcomes()
        finally:
            client.indices.delete(index=[index, f"{index}-fresh"], ignore_unavailable=True)


def _chunks(cases: Sequence[FieldCase]) -> Iterator[Sequence[FieldCase]]:
    for start in range(0, len(cases), CHUNK):
        yield cases[start : start + CHUNK]


class _Chunk:
    """Cases that share an index: the field of case n is called `f<n>`."""

    def __init__(self, client: Elasticsearch, index: str, cases: Sequence[FieldCase]) -> None:
        self._client, self._index = client, index
        self._cases = {f"f{number}": case for number, case in enumerate(cases)}
        self._judged = {
            name: judge(_body(name, case.before), _body(name, case.after)) for name, case in self._cases.items()
        }
        self._in_place: list[str] = []

    def outcomes(self) -> Iterator[Outcome]:
        before = {name: case.before for name, case in self._cases.items() if case.before is not ABSENT}
        impossible = _index(self._client, self._index, before)
        self._judged = {name: judged for name, judged in self._judged.items() if name not in impossible}
        self._in_place = [name for name in self._judged if self._judged[name].change is Change.IN_PLACE]
        self._client.index(index=self._index, document={"target": "probe"}, refresh=True)
        taken, found = self._write(), self._search()
        words = self._asked()
        ignored = self._ignored([name for name, said in words.items() if said == ""])
        harmed = self._harmed(taken, found)
        for name, why in impossible.items():
            yield Outcome(*self._cases[name][:2], "unknown", Change.COPY, "not asked", f"can't be made: {why}")
        for name, judged in self._judged.items():
            case, said = self._cases[name], ignored.get(name) or words[name]
            answer: Answer = "not asked" if said is None else "refuses" if said else "takes"
            yield Outcome(case.group, case.what, judged.claim, judged.change, answer, said or "", harmed.get(name, ""))

    def _asked(self) -> dict[str, str | None]:
        """The server's refusals of the stage's own bodies; empty where it took one, None where there was none to send.

        What it should take goes in one request, for a change that is made costs much more than one that is refused. If
        the server doesn't take that, all go by themselves.
        """
        bodies = {name: mapping_patch(judged.head.mapping, judged.found) for name, judged in self._judged.items()}
        put = functools.partial(self._client.indices.put_mapping, index=self._index)
        hoped = [name for name, body in bodies.items() if body and self._judged[name].claim == "takes"]
        fields: dict[str, Any] = {}
        for name in hoped:
            fields |= bodies[name]["properties"]
        done = set(hoped) if hoped and not refusal(lambda: put(properties=fields)) else set()
        return {
            name: "" if name in done else refusal(functools.partial(put, body=body)) if body else None
            for name, body in bodies.items()
        }

    def _ignored(self, taken: list[str]) -> dict[str, str]:
        """Which acknowledged changes weren't made."""
        after = {name: self._cases[name].after for name in taken}
        fresh = f"{self._index}-fresh"
        impossible = _index(self._client, fresh, after)
        shown, wanted = (
            self._client.indices.get_mapping(index=index)[index]["mappings"]["properties"]
            for index in (self._index, fresh)
        )
        differs = {
            name: f"acknowledged, but it is {shown.get(name)}"
            for name in taken
            if name not in impossible and shown.get(name) != wanted[name]
        }
        return {**differs, **{name: f"a new index can't have it: {why}" for name, why in impossible.items()}}

    def _write(self) -> dict[tuple[str, int], bool]:
        """Which of the values each field takes, where a change of it may be in place."""
        asked = [
            (name, place)
            for name, place in itertools.product(self._in_place, range(len(VALUES)))
            if self._cases[name].before is not ABSENT
        ]
        if not asked:
            return {}
        lines: list[dict[str, Any]] = []
        for name, place in asked:
            lines += [{"index": {"_id": f"{name}-{place}"}}, {name: VALUES[place]}]
        answer = self._client.bulk(index=self._index, operations=lines, refresh=True)
        return {at: item["index"]["status"] < 300 for at, item in zip(asked, answer["items"], strict=True)}

    def _search(self) -> dict[str, Any]:
        """What the stable release's searches find in each of those fields."""
        lines: list[dict[str, Any]] = []
        for name in self._in_place:
            for query in ({"exists": {"field": name}}, {"match": {name: {"query": "probe 1", "lenient": True}}}):
                lines += [{}, {"query": query, "size": 50, "_source": False, "sort": ["_score", "_doc"]}]
        if not lines:
            return {}
        answers = self._client.msearch(index=self._index, searches=lines)["responses"]
        heard = [_heard(answer) for answer in answers]
        return {name: heard[2 * number : 2 * number + 2] for number, name in enumerate(self._in_place)}

    def _harmed(self, taken: dict[tuple[str, int], bool], found: dict[str, Any]) -> dict[str, str]:
        now = self._search()
        harmed = {
            name: f"a search found {found[name]}, then {now[name]}"
            for name in self._in_place
            if now[name] != found[name] and self._cases[name].before is not ABSENT
        }
        for (name, place), ok in self._write().items():
            if ok != taken[name, place]:
                harmed[name] = (
                    f"{str(VALUES[place])[:20]} was {'refused' if taken[name, place] else 'taken'} afterwards"
                )
        return harmed


def _index(client: Elasticsearch, index: str, fields: dict[str, Any]) -> dict[str, str]:
    """Make an index with these fields; those that no index can have are left out, and why is returned."""
    client.indices.create(index=index, settings=SETTINGS, mappings={"dynamic": "strict", "properties": COMMON})
    put = functools.partial(client.indices.put_mapping, index=index)
    if not refusal(lambda: put(properties=fields)):
        return {}
    said = {name: refusal(functools.partial(put, properties={name: field})) for name, field in fields.items()}
    return {name: why for name, why in said.items() if why}


def _heard(answer: dict[str, Any]) -> Any:
    if "error" in answer:
        return answer["error"]["type"]
    return [(hit["_id"], hit["_score"]) for hit in answer["hits"]["hits"]]


def _body(name: str, definition: Any) -> dict[str, Any]:
    field = {} if definition is ABSENT else {name: definition}
    return {"mappings": {"dynamic": "strict", "properties": {**COMMON, **field}}}


def refusal(call: Any) -> str:
    """Why the server said no; empty when it said yes."""
    try:
        call()
    except ApiError as error:
        if error.status_code != 400 and error.error != "mapper_exception":
            raise
        body = error.body if isinstance(error.body, dict) else {}
        return " ".join(str(body.get("error", {}).get("reason", error)).split())
    return ""
