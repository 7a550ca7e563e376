"""The comment on a pull request: complete for a reviewer, harmless, and short enough to be posted."""

from __future__ import annotations

import html
import math
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from support import gate_reports as made
from support.hostile_reports import PAYLOADS, hostile
from turnout.gate.report import MARKER, markdown
from turnout.plan import Plan

LIMIT = 60_000
OURS = re.compile(r"<!-- turnout-check -->\s*|</?(code|sub|details|summary)>")


def words(comment: str) -> str:
    """The comment as a reader sees it, more or less."""
    return html.unescape(re.sub(r"</?\w+>", "", comment)).replace("\u2060", "")


def tokens(comment: str) -> list[Token]:
    """What a renderer that lets HTML through makes of it, inner tokens included."""
    found = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(comment)
    return [token for block in found for token in (block, *(block.children or ()))]


def test_starts_with_the_mark_and_the_verdict_and_one_line_for_each_collection() -> None:
    comment = markdown(made.everything())
    assert comment.splitlines()[:3] == [MARKER, "", "## turnout check: fail"]
    overview = [line for line in comment.split("### <code>")[0].splitlines() if line.startswith("| <code>")]
    assert len(overview) == 7
    assert "1,000 times as much" in words(overview[1])
    assert [re.findall(r"\*\*(\w+)\*\*", line) for line in overview] == [
        *[["fail"]] * 3,
        *[["inconclusive"]] * 2,
        *[["pass"]] * 2,
    ]


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (made.passing(), "Pass: nothing stands against this change. One refusal is lifted by an override."),
        (made.failing_by_policy(), "Fail: this change must not go live as it is. One finding stands against it."),
        (made.inconclusive(), "Inconclusive: there is not enough evidence to approve this change."),
        (made.environment(), "Inconclusive: the check could not be finished, so nothing is approved."),
        (made.nothing(), "Pass: no collection changed, so there is nothing to check."),
    ],
)
def test_says_the_verdict_in_words(report: made.CheckReport, said: str) -> None:
    assert said in words(markdown(report))


def test_tells_what_a_reviewer_needs_in_the_order_of_weight() -> None:
    said = words(markdown(made.passing()))
    places = [
        said.index(part)
        for part in (
            "Lifted by an override",
            "What differs",
            "What it will do",
            "Cost, before and after",
            "Quality: what the change does to the ranking",
            "Slices, in ndcg@10",
            "ANN recall: what the index loses",
            "Latency",
            "Neighbours kept@10: 42.0 %",
        )
    ]
    assert places == sorted(places)
    assert "a true loss of 0.041 in ndcg@10 is found four times out of five" in said
    assert "judged@10, the share of the first ten documents that has a judgment: base 71.0 %, head 69.0 %" in said
    assert "Word search alone, which answers when the model is slow or down: ndcg@10 0.284 to 0.281" in said
    assert "agreed with the owner of the budget" in said.split("What it will do")[0]
    for label in ("a month, p50", "a month, p95", "the worst hour", "backfill, once", "vectors on disk, both while"):
        assert label in said


def test_a_few_differences_are_seen_at_once_and_many_are_folded() -> None:
    report = made.passing()
    assert "#### What differs" in markdown(report)
    found = report.collections[0]
    assert found.plan is not None
    many = msgspec.structs.replace(found.plan, differences=found.plan.differences * 20)
    longer = msgspec.structs.replace(report, collections=(msgspec.structs.replace(found, plan=many),))
    assert "<summary>What differs</summary>" in markdown(longer)


def test_a_cost_that_nobody_knows_is_a_sentence_and_no_row_of_dashes() -> None:
    said = words(markdown(_with_cost(made.upgrade_plan())))
    assert "No load is declared (`expected` in pipeline.yaml) or measured" in said
    assert "a month, p50" not in said
    assert "| the worst hour |" in said


@pytest.mark.parametrize(
    ("plan", "said"), [(made.operational_plan(), "nothing is embedded"), (made.upgrade_plan(), "unknown")]
)
def test_a_change_that_embeds_nothing_has_no_unknown_backfill(plan: Plan, said: str) -> None:
    assert f"| backfill, once | | {said} |" in re.sub(" +", " ", words(markdown(_with_cost(plan))))


def _with_cost(plan: Plan) -> made.CheckReport:
    """A change of which nobody knows the load."""
    report = made.passing()
    cost = made.cost(fills=False)
    head = msgspec.structs.replace(cost.head, month=None)
    cost = msgspec.structs.replace(cost, base=None, head=head, unknown=("documents", "tokens of a document"))
    found = msgspec.structs.replace(report.collections[0], plan=plan, cost=cost)
    return msgspec.structs.replace(report, collections=(found,))


def test_an_inconclusive_slice_is_said_to_stop_nothing() -> None:
    report = made.passing()
    found = report.collections[0]
    assert found.rehearsal is not None
    assert found.rehearsal.comparison is not None
    compared = found.rehearsal.comparison
    unsure = tuple(msgspec.structs.replace(item, verdict="inconclusive") for item in compared.slices)
    changed = msgspec.structs.replace(found.rehearsal, comparison=msgspec.structs.replace(compared, slices=unsure))
    found = msgspec.structs.replace(found, rehearsal=changed)
    assert "it stops nothing" in words(markdown(msgspec.structs.replace(report, collections=(found,))))
    assert "it stops nothing" not in words(markdown(made.new()))


def test_the_server_is_named_once() -> None:
    assert "Elasticsearch 9.4.3" in words(markdown(made.passing()))
    assert "Elasticsearch Elasticsearch" not in words(markdown(made.passing()))


def test_the_incident_shows_the_worst_hour_before_and_after() -> None:
    said = words(markdown(made.failing_by_policy()))
    assert "The worst hour can cost 1,200 USD for each process that embeds, 1.20 USD before: 1,000 times" in said
    assert "| the worst hour | 1.20 USD | 1,200 USD | 1,000 times |" in said
    assert "There was no rehearsal" in said


def test_a_loss_of_the_index_is_not_in_the_table_of_the_models_quality() -> None:
    sections = words(markdown(made.passing())).split("#### ")
    quality = next(section for section in sections if section.startswith("Quality"))
    recall = next(section for section in sections if section.startswith("ANN recall"))
    assert "| base | 10 | 50 | 0.981 | 0.700 |" in recall
    assert "0.981" not in quality


def test_a_new_collection_shows_what_it_has_by_itself() -> None:
    said = words(markdown(made.new()))
    assert "no base to compare with; ndcg@10 is 0.512." in said
    assert "| ndcg@10 | 0.512 |" in said
    assert "four times out of five" not in said
    assert "has a judgment: head 69.0 %." in said


def test_says_what_the_simulation_of_the_backfill_met() -> None:
    collection = made.passing().collections[0]
    assert collection.cost is not None
    assert collection.cost.backfill is not None
    fill = msgspec.structs.replace(collection.cost.backfill, beyond_budget=0.4, gave_up=0.05)
    cost = msgspec.structs.replace(collection.cost, backfill=fill, unknown=("the query rate",))
    said = words(markdown(made.report(msgspec.structs.replace(collection, cost=cost))))
    assert "budget.per_backfill would have stopped 40.0 % of the simulated backfills." in said
    assert "In 5.0 % of the simulated backfills the provider failed for too long" in said
    assert "Not known: the query rate." in said


def test_says_where_the_whole_is_and_cuts_nothing_that_fits() -> None:
    comment = markdown(made.passing())
    assert "in this run's artifact: report.html, report.json" in words(comment)
    assert "Cut" not in comment


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_of_a_pull_request_becomes_markup(payload: str) -> None:
    comment = markdown(hostile(payload, times=3))
    found = tokens(comment)
    assert not {"link_open", "image", "s_open", "fence", "code_block", "hr"} & {token.type for token in found}
    for token in found:
        if token.type.startswith("html"):
            assert not re.sub(r"\s|[^<>]*(?=<|$)", "", OURS.sub("", token.content)), token.content
    titles = [token.content for token in found if token.type == "inline" and token.content.startswith("heading")]
    assert not titles
    assert comment.count(MARKER) == 1
    assert comment.count("<details>") == comment.count("</details>") == comment.count("</summary>")
    assert "@team" not in html.unescape(comment.replace("\n", " ")).replace("<code>", "\0").split("\0")[0]
    for char in "\x1b\u202e\u200b\r":
        assert char not in comment


def test_nobody_is_mentioned_and_no_issue_linked_from_prose() -> None:
    comment = html.unescape(re.sub(r"<code>.*?</code>", "", markdown(hostile("@team #12", times=2)), flags=re.DOTALL))
    assert "@\u2060team" in comment
    assert "@team" not in comment
    assert "#12" not in comment


def test_the_least_important_parts_go_first_and_the_comment_says_so() -> None:
    collection = made.passing().collections[0]
    plan, rehearsal = collection.plan, collection.rehearsal
    assert plan is not None
    assert rehearsal is not None
    assert rehearsal.comparison is not None
    many = msgspec.structs.replace(
        collection,
        findings=(made.finding(),) * 25,
        plan=msgspec.structs.replace(plan, differences=plan.differences * 200),
        rehearsal=msgspec.structs.replace(
            rehearsal,
            checks=rehearsal.checks * 100,
            upgrade=rehearsal.upgrade * 100,
            comparison=msgspec.structs.replace(
                rehearsal.comparison,
                lost_most=rehearsal.comparison.lost_most * 200,
                slices=rehearsal.comparison.slices * 30,
            ),
        ),
    )
    comment = markdown(made.report(many))
    said = words(comment)
    assert len(comment.encode()) < LIMIT
    assert said.count("rate-limit-raised at") == 25
    for kept in ("Cost, before and after", "What it will do", "| recall@100 |"):
        assert kept in said
    assert "> **Cut to fit into a comment.** Shortened or left out:" in comment
    assert "differences" in said.split("left out: ")[1].split(".")[0]
    assert "lost" in said.split("left out: ")[1].split(".")[0]
    assert "findings" not in said.split("left out: ")[1].split(".")[0]


@given(
    payload=st.text(alphabet="<>&|@#`*_[]()\\\n\r\x1b\u202e\U0001f4a9e\u0301é./: x", min_size=1, max_size=40),
    long=st.sampled_from([1, 10, 400]),
    times=st.sampled_from([1, 4, 40]),
    number=st.sampled_from([None, math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, 0.0]),
)
@settings(max_examples=15, deadline=None)
def test_is_always_short_enough_and_whole(payload: str, long: int, times: int, number: float | None) -> None:
    comment = markdown(hostile(payload * long, times=times, number=number))
    assert len(comment.encode()) < LIMIT
    assert comment.startswith(MARKER)
    assert "## turnout check: fail" in comment
    assert "artifact" in comment
    assert comment.count("<details>") == comment.count("</details>")
    assert comment.count("<code>") == comment.count("</code>")
