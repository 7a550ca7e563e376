"""Which views may be deleted, over all the histories that hypothesis can think of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from turnout.alias import Observed, judge, retirable, rollback_targets
from turnout.elastic.state import FlipRecord, ReleaseRecord, ReleaseState
from turnout.elastic.views import View, ViewMeta

LETTERS = "abcd"
STATES: tuple[ReleaseState, ...] = ("building", "verifying", "ready", "live", "former", "failed", "retired")


def at(minute: int) -> str:
    return f"2026-01-01T00:{minute:02}:00+00:00"


def view(name: str, *, built_for: str = "", made: int = 0, aliases: frozenset[str] = frozenset()) -> View:
    meta = ViewMeta(
        collection="toys",
        index_fingerprints=(f"i-{name}",),
        embedding_fingerprint="e",
        documents="toys.documents",
        built_for=built_for or name.upper(),
        created_at=at(made),
    )
    return View(index=f"v-{name}", uuid=name, meta=meta, mappings={}, settings={}, aliases=aliases)


def release(name: str, state: ReleaseState, *, of: str | None = "", minute: int = 30) -> ReleaseRecord:
    """Release `A` is served from view `v-a` unless `of` says otherwise."""
    served = f"v-{name.lower()}" if of == "" else of
    body: dict[str, Any] = {"fingerprints": {"index": f"i-{name.lower()}"}}
    return ReleaseRecord(
        collection="toys", at=at(minute), release_id=name.upper(), state=state, view=served, release=body
    )


def history(*names: str) -> tuple[FlipRecord, ...]:
    before = (None, *names)
    return tuple(
        FlipRecord(
            collection="toys",
            at=at(minute),
            from_view=f"v-{old}" if old else None,
            to_view=f"v-{new}",
            from_release=old.upper() if old else None,
            to_release=new.upper(),
            reason="",
        )
        for minute, (old, new) in enumerate(zip(before, names, strict=False))
    )


def observed(*releases: ReleaseRecord, flips: str = "", targets: str = "", frozen: bool = False) -> Observed:
    return Observed(
        views=tuple(view(name) for name in LETTERS),
        targets=frozenset(f"v-{name}" for name in targets),
        releases=releases,
        flips=history(*flips),
        frozen=frozen,
    )


def test_only_what_lies_further_back_than_the_rollback_target_goes() -> None:
    seen = observed(
        release("a", "former"), release("b", "former"), release("c", "live"), release("d", "ready"),
        flips="abc", targets="c",
    )  # fmt: skip
    assert retirable(seen) == ("v-a",)
    assert retirable(seen, keep=0) == ("v-a", "v-b")
    assert retirable(seen, keep=2) == ()
    assert judge(seen)["v-b"] == "release B is kept for going back"
    assert judge(seen)["v-d"] == "release D is ready"


def test_after_a_revert_the_release_that_was_left_is_the_one_to_go_back_to() -> None:
    seen = observed(release("a", "former"), release("b", "live"), release("c", "former"), flips="abcb", targets="b")
    assert retirable(seen) == ("v-a",)


def test_a_failed_release_is_no_rollback_target() -> None:
    seen = observed(release("a", "former"), release("b", "failed"), release("c", "live"), flips="abc", targets="c")
    assert list(rollback_targets(seen.flips, seen.releases, keep=1)) == ["A"]
    assert retirable(seen) == ("v-b",)


def test_nothing_goes_while_frozen() -> None:
    seen = observed(release("a", "retired"), frozen=True)
    assert retirable(seen) == ()
    assert retirable(replace(seen, frozen=False)) == ("v-a",)


def test_a_view_that_no_record_explains_stays() -> None:
    assert retirable(observed()) == ()
    assert judge(observed())["v-a"] == "no record says what it was for"


def test_an_earlier_attempt_goes_when_a_later_one_serves_the_release() -> None:
    first, second = view("a", built_for="A", made=1), view("b", built_for="A", made=2)
    seen = replace(observed(release("a", "live", of="v-b"), targets="b", flips="b"), views=(first, second))
    assert retirable(seen) == ("v-a",)


def test_a_fresh_view_with_the_name_of_a_deleted_one_stays() -> None:
    fresh = view("a", made=40)
    seen = replace(observed(release("a", "retired", minute=30)), views=(fresh,))
    assert retirable(seen) == ()


def test_a_release_that_names_no_view_keeps_all_that_serve_it() -> None:
    seen = observed(release("a", "building", of=None), release("x", "retired", of="v-a"))
    assert judge(seen)["v-a"] == "release A is building"


def test_any_alias_keeps_a_view() -> None:
    held = view("a", aliases=frozenset({"somebody-elses"}))
    seen = replace(observed(release("a", "retired")), views=(held,))
    assert retirable(seen) == ()


records = st.builds(
    release,
    st.sampled_from(LETTERS),
    st.sampled_from(STATES),
    of=st.sampled_from(["", None, *(f"v-{name}" for name in LETTERS)]),
)


@given(
    st.lists(records, max_size=6, unique_by=lambda record: record.release_id),
    st.text(LETTERS, max_size=8),
    st.text(LETTERS, max_size=2),
    st.integers(0, 3),
)
def test_what_is_needed_never_goes(releases: list[ReleaseRecord], flips: str, targets: str, keep: int) -> None:
    seen = observed(*releases, flips=flips, targets=targets)
    gone = set(retirable(seen, keep=keep))
    assert not gone & seen.targets
    states = {record.release_id: record.state for record in releases}
    assert not gone & {r.view for r in releases if r.state in ("building", "verifying", "ready", "live")}
    former: list[str] = []
    for past in reversed(flips.upper()):
        if past != flips[-1].upper() and past not in former and states.get(past) not in ("failed", "retired"):
            former.append(past)
    assert not gone & {f"v-{name.lower()}" for name in former[:keep]}
    assert gone <= {r.view for r in releases} | {v.index for v in seen.views if states.get(v.meta.built_for)}
    assert retirable(replace(seen, frozen=True), keep=keep) == ()
    assert set(retirable(seen, keep=keep + 1)) <= gone


def test_records_survive_storage() -> None:
    record = history("a", "b")[1]
    assert msgspec.convert(msgspec.to_builtins(record), FlipRecord) == record
