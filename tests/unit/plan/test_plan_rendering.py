"""What a person reads: the same in every format, and nothing in it can act."""

from __future__ import annotations

import io

import msgspec
from rich.console import Console

from support.releases import make_release
from turnout.plan import Observed, ObservedView, Plan, explain, make_plan
from turnout.plan.explain import duration, size, value
from turnout.plan.markdown import escape, markdown
from turnout.plan.text import text

BASE = make_release()


def plan(**changes: object) -> Plan:
    marks = BASE.fingerprints
    view = ObservedView(
        index="v1",
        index_fingerprints=(marks.index,),
        embedding_fingerprint=marks.embedding,
        documents=1000,
        is_live=True,
        caught_up=True,
    )
    observed = Observed(
        known=True,
        documents=1000,
        sample_tokens=(100,),
        views=(view,),
        alias_targets=("v1",),
        live_release_id=BASE.id,
    )
    return make_plan(BASE, make_release(**changes), observed)  # type: ignore[arg-type]


def shown(made: Plan) -> str:
    console = Console(file=io.StringIO(), width=400, color_system=None)
    for part in text(made):
        console.print(part)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_markdown_of_a_small_change() -> None:
    made = plan(pipeline={"limits": {"max_k": 80}})
    assert markdown(made) == (
        "### Plan for <code>toys</code>: operational\n\n"
        f"<code>{BASE.id}</code> → <code>{made.head_id}</code>\n\n"
        "| path | before | after | class | why |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| <code>/pipeline/limits/max&#95;k</code> | <code>100</code> | <code>80</code> | operational "
        "| a bound of the service |\n\n"
        "1. catch v1 up with documents\n"
        "2. verify v1&#58; attestation, parity, placeholders, ANN recall, judged quality\n"
        "3. make the release live on v1&#59; the alias stays\n\n"
        "| estimate |  |\n"
        "| --- | --- |\n"
        "| documents | 0 |\n"
        "| passages | 0 |\n"
        "| tokens embedded | 0 |\n"
        "| backfill time (p50) | 0 s |\n"
        "| at the rate limit | 0 s |\n"
        "| requests to the model | 0 |\n"
        "| cost | 0&#46;00 USD |\n"
        "| vectors on disk, new | 0 B |\n"
        "| vectors in memory, new | 0 B |\n"
        "| vectors on disk, both | 0 B |\n"
        "| vectors in memory, both | 0 B |\n"
    )


def test_all_formats_name_the_same_stages_in_the_same_order() -> None:
    made = plan(model={"pooling": "cls"})
    sentences = explain(made)
    assert len(sentences) == len(made.stages) == 6
    for rendered in (shown(made), markdown(made)):
        places = [rendered.index(escape(line) if rendered.startswith("#") else line) for line in sentences]
        assert places == sorted(places)


def test_a_backfill_of_a_number_that_nobody_knows_is_of_all_documents() -> None:
    made = make_plan(None, make_release(), Observed(known=False))
    assert any("with all documents" in line for line in explain(made)), explain(made)


def test_hostile_values_stay_text() -> None:
    hostile = "`|<img src=x onerror=alert(1)>| @team [x](http://e.vil) \x1b[31m\u202e [bold red]"
    made = plan(model={"license": hostile})
    rendered = markdown(made)
    row = next(line for line in rendered.splitlines() if "license" in line)
    assert row.count("|") == 6
    for char in "`[]@\x1b\u202e":
        assert char not in rendered
    assert "<img" not in rendered
    assert "\x1b" not in shown(made)
    assert "\u202e" not in shown(made)
    assert '"`|<img' in shown(made)


def test_values_are_cut_and_nothing_is_a_dash() -> None:
    assert len(value("x" * 500)) == 60
    assert value({"b": 1, "a": None}) == '{"a":null,"b":1}'
    assert duration(None) == size(None) == "-"


def test_quantities_have_a_fitting_unit() -> None:
    assert [duration(seconds) for seconds in (5, 90, 5400, 200_000)] == ["5 s", "1.5 min", "1.5 h", "2.3 d"]
    assert [size(number) for number in (5, 2048, 3 * 2**20, 5 * 2**30)] == ["5 B", "2.0 KiB", "3.0 MiB", "5.0 GiB"]


def test_a_hostile_id_in_the_base_stays_text() -> None:
    hostile = msgspec.structs.replace(plan(), base_id="r-\x1b[31m\n::error::x\x9b")
    head = shown(hostile).splitlines()[0]
    assert "r-\\x1b[31m\\n::error::x\\x9b" in head


def test_ten_thousand_new_fields_are_fifty_and_how_many_more() -> None:
    fields = {f"field_{number:05}": {"type": "keyword"} for number in range(10_000)}
    made = plan(mapping={"mappings": {"properties": fields}})
    assert len(made.differences) == 10_000
    rendered, printed = markdown(made), shown(made)
    assert len(rendered) < 20_000
    more = "and 9,950 more like it under /mapping/mappings/properties"
    assert escape(more) in rendered
    assert more in printed
    assert ("field&#95;00049" in rendered, "field&#95;00050" in rendered) == (True, False)


def test_few_differences_of_one_rule_are_all_shown() -> None:
    fields = {f"field_{number:02}": {"type": "keyword"} for number in range(50)}
    made = plan(mapping={"mappings": {"properties": fields}})
    assert shown(made).count("nothing fills yet") == 50
    assert "more like it" not in shown(made)
