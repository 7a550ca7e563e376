"""report.html: one file that asks nobody for anything and shows hostile text as text."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET
from importlib.resources import files

import pytest
from bs4 import BeautifulSoup

from support import gate_reports as made
from support.hostile_reports import PAYLOADS, hostile
from turnout.errors import EnvironmentProblem
from turnout.gate.report import html, require_drawing
from turnout.gate.report.numbers import clip


@pytest.fixture(scope="module")
def passing() -> str:
    return html(made.passing())


@pytest.fixture(scope="module")
def attacked() -> str:
    report = hostile("".join(PAYLOADS), times=8)
    return html(made.report(report.collections[0], findings=report.findings))


def drawings(page: str) -> list[str]:
    return re.findall(r"<svg .*?</svg>", page, flags=re.DOTALL)


def test_asks_nobody_for_anything(passing: str, attacked: str) -> None:
    for page in (passing, attacked):
        soup = BeautifulSoup(page, "html.parser")
        policy = soup.find("meta", {"http-equiv": "Content-Security-Policy"})
        assert policy is not None
        assert str(policy["content"]).startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
        assert not soup.find_all(["script", "link", "iframe", "object", "embed", "form", "base", "img", "video"])
        for name in ("href", "xlink:href", "src", "srcset", "action"):
            assert all(str(tag[name]).startswith("#") for tag in soup.find_all(attrs={name: True}))
        assert not re.search(r"url\((?!#)", page)
        assert "@import" not in page
        assert not [name for tag in soup.find_all(True) for name in tag.attrs if name.startswith("on")]


def test_hostile_text_is_shown_as_text(attacked: str) -> None:
    soup = BeautifulSoup(attacked, "html.parser")
    shown = soup.get_text()
    assert clip(PAYLOADS[0], 80) in shown
    assert "{{ 7*7 }}" in shown
    for char in "\x1b\u202e\u200b":
        assert char not in attacked
    assert len(soup.find_all("h1")) == 1


def test_every_plot_is_well_formed_and_names_what_it_shows(passing: str, attacked: str) -> None:
    for page in (passing, attacked):
        found = drawings(page)
        assert len(found) == 7
        for drawing in found:
            root = ET.fromstring(drawing)  # noqa: S314
            assert root.attrib["aria-label"]
            ids = {element.attrib["id"] for element in root.iter() if "id" in element.attrib}
            assert set(re.findall(r"url\(#([^)]+)\)", drawing)) <= ids


def test_plots_of_one_page_share_no_reference(passing: str) -> None:
    referred = [set(re.findall(r'(?:url\(#|xlink:href="#)([\w-]+)', drawing)) for drawing in drawings(passing)]
    assert sum(map(len, referred)) == len(set().union(*referred))


def test_plots_follow_the_theme_of_the_page(passing: str) -> None:
    used = set(re.findall(r"var\((--[\w-]+)", passing))
    light = passing[passing.index(":root {") : passing.index("@media (prefers-color-scheme")]
    assert used <= set(re.findall(r"(--[\w-]+):", light))
    drawn = "".join(drawings(passing))
    assert not re.search(r"(?<!, )#(0f172a|0072b2|d55e00)\b", drawn)
    assert {"--ink", "--base", "--head", "--grid"} <= set(re.findall(r"var\((--[\w-]+)", drawn))


def test_axes_have_units_and_the_allowed_loss_is_drawn(passing: str) -> None:
    said = BeautifulSoup("".join(drawings(passing)), "html.parser").get_text()
    for label in ("milliseconds (logarithmic)", "USD", "gain, head minus base", "allowed loss 0.02", "per cent"):
        assert label in said


def test_the_number_stands_under_the_map(passing: str) -> None:
    caption = BeautifulSoup(passing, "html.parser").find(string=re.compile(r"Neighbours kept@10: 42.0 %.*t-SNE"))
    assert caption is not None
    assert caption.parent is not None
    assert caption.parent.name == "figcaption"


def test_a_plot_without_data_is_a_sentence_that_says_why() -> None:
    page = html(made.new())
    said = BeautifulSoup(page, "html.parser").get_text()
    assert len(drawings(page)) == 1
    for why in (
        "No plot: there is nothing to compare.",
        "No plot: the model costs nothing for each token.",
        "No plot: it wasn't measured on both sides.",
        "No plot: the two sides weren't mapped.",
    ):
        assert why in said
    assert not drawings(html(made.deleted()))


def test_the_same_report_is_the_same_page(passing: str) -> None:
    assert html(made.passing()) == passing


def test_the_template_is_part_of_the_package() -> None:
    assert files("turnout.gate.report").joinpath("page.html.jinja").is_file()


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(EnvironmentProblem, match="without sklearn") as caught:
        require_drawing()
    assert caught.value.remedy == "pip install 'turnout[check]'"
