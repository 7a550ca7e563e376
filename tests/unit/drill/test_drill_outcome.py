"""What drills read from the gate's report, count and write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from drill.catalogue import ALL, HARMFUL, HARMLESS
from drill.mutation import Mutation
from drill.outcome import Outcome, append, read, tally
from drill.reading import from_findings, from_report
from drill.table import BEGIN, END, into_readme, table, write

BAD, GOOD = HARMFUL[0], HARMLESS[0]


def _outcome(mutation: Mutation, verdict: Any, **more: Any) -> Outcome:
    values = {"caught": ("validate: x",) if verdict != "pass" else (), "change": "none", "seconds": 1.0, **more}
    return Outcome(name=mutation.name, harmful=mutation.harmful, verdict=verdict, **values)


def _report(verdict: str, *findings: tuple[str, str, str], rehearsal: Any = None) -> bytes:
    found = [{"step": step, "rule": rule, "verdict": judged, "what": "why"} for step, rule, judged in findings]
    collection = {"change": "query", "findings": found, "rehearsal": rehearsal}
    return json.dumps({"verdict": verdict, "findings": [], "collections": [collection]}).encode()


def test_not_knowing_stops_a_change_as_a_failure_does() -> None:
    counted = tally([_outcome(BAD, "inconclusive"), _outcome(GOOD, "inconclusive")])
    assert (counted.harmful_missed, counted.harmless_stopped) == (0, 1)


def test_what_the_environment_stopped_counts_on_neither_side() -> None:
    counted = tally([_outcome(BAD, "unclear"), _outcome(GOOD, "unclear"), _outcome(BAD, "pass")])
    assert (counted.harmful, counted.harmless, counted.harmful_missed, counted.unclear) == (1, 0, 1, 2)


def test_a_report_names_what_stands_against_the_change_and_no_notes() -> None:
    comparison = {"metric": "ndcg@10", "metrics": [{"metric": "mrr@10", "gain": 1}, {"metric": "ndcg@10", "gain": -2}]}
    rehearsal = {"comparison": comparison, "head": {"recall": {"mean": 0.5}}}
    findings = (("plan", "note", "pass"), ("rehearsal", "quality", "fail"), ("rehearsal", "quality", "fail"))
    outcome = from_report(BAD, _report("fail", *findings, rehearsal=rehearsal))
    assert outcome.caught == ("rehearsal: quality",)
    assert (outcome.verdict, outcome.change, outcome.gain, outcome.recall) == ("fail", "query", -2, 0.5)


def test_an_environment_that_failed_is_no_catch() -> None:
    assert from_report(BAD, _report("inconclusive", ("environment", "gone", "inconclusive"))).verdict == "unclear"


def test_a_report_of_no_collection_is_a_change_of_class_none() -> None:
    outcome = from_report(GOOD, json.dumps({"verdict": "pass", "findings": [], "collections": []}).encode())
    assert (outcome.change, outcome.stopped) == ("none", False)


def test_what_lock_refuses_is_caught_by_validate() -> None:
    outcome = from_findings(
        BAD, json.dumps({"findings": [{"rule": "a", "problem": "b"}, {"rule": "a", "problem": "c"}]})
    )
    assert (outcome.caught, outcome.stopped, outcome.why) == (("validate: a",), True, "b")


def test_an_interrupted_drill_goes_on_after_the_last_whole_line_and_repeats_what_was_unclear(tmp_path: Path) -> None:
    file = tmp_path / "outcomes.jsonl"
    append(file, _outcome(BAD, "fail"))
    append(file, _outcome(GOOD, "unclear"))
    file.write_bytes(file.read_bytes() + b'{"name": "to')
    assert set(read(file)) == {BAD.name}


def test_the_table_lists_what_was_missed_with_the_reason() -> None:
    missed = next(each for each in HARMFUL if each.canary)
    text = table({missed.name: _outcome(missed, "pass")}, 1.0)
    assert "1 harmful changes, 1 missed" in text
    assert "**missed**" in text
    assert missed.canary in text


def test_the_readme_gets_the_table_between_its_marks_and_keeps_the_rest(tmp_path: Path) -> None:
    made, readme = tmp_path / "TABLE.md", tmp_path / "README.md"
    outcomes = {each.name: _outcome(each, "fail" if each.harmful else "pass") for each in ALL}
    write(outcomes, 2.0, made)
    readme.write_text(f"before\n{BEGIN}\nan older table\n{END}\nafter\n")
    into_readme(readme, made)
    into_readme(readme, made)
    text = readme.read_text()
    assert text.startswith(f"before\n{BEGIN}\n{len(HARMFUL)} harmful changes, 0 missed")
    assert text.endswith(f"|\n{END}\nafter\n")
    assert "an older table" not in text
    assert all(each.what in text for each in ALL)


def test_a_readme_without_marks_is_left_alone(tmp_path: Path) -> None:
    made, readme = tmp_path / "TABLE.md", tmp_path / "README.md"
    write({}, 0.0, made)
    readme.write_text("no marks\n")
    with pytest.raises(ValueError, match="lacks"):
        into_readme(readme, made)
    assert readme.read_text() == "no marks\n"
