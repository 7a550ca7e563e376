"""The standard library's documentation strings, read without importing anything."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from turnout.errors import EnvironmentProblem
from turnout.ingest import Unreadable
from turnout.ingest.connectors.python_docs import MIN_CHARS, PythonDocs, documents

LONG = "It says what it does in more than sixty characters, as all good docstrings do."


@pytest.fixture
def stdlib(tmp_path: Path) -> Path:
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "__init__.py").write_text(f'"""{LONG}"""\nraise SystemExit\n')
    return tmp_path


def names(stdlib: Path) -> set[str]:
    items = list(PythonDocs(stdlib).read())
    assert not any(isinstance(item, Unreadable) for item in items)
    return {str(item.source_id) for item in items if not str(item.source_id).startswith(C_MODULES)}


C_MODULES = ("array", "binascii", "builtins", "cmath", "gc", "itertools", "math", "sys", "time", "unicodedata", "zlib")


def test_the_corpus_is_thousands_of_distinct_public_documents_in_a_fixed_order() -> None:
    before = set(sys.modules)
    corpus = list(documents())
    ids = [document.source_id for document in corpus]
    assert 2_500 < len(corpus) < 4_000
    assert ids == sorted(set(ids))
    assert len({document.text for document in corpus}) == len(corpus)
    assert all(len(document.text) > MIN_CHARS for document in corpus)
    assert not [name for name in ids if any(part.startswith("_") for part in name.split("."))]
    assert {
        "json.dumps",
        "pathlib.Path.resolve",
        "heapq.merge",
        "decimal.Decimal.quantize",
        "builtins.str.split",
    } < set(ids)
    assert {str(document.fields["kind"]) for document in corpus} == {"module", "class", "function", "method"}
    assert not {name for name in set(sys.modules) - before if not name.startswith(("_sysconfigdata", *C_MODULES))}


def test_a_module_is_parsed_and_never_run(stdlib: Path) -> None:
    assert names(stdlib) == {"json"}


def test_definitions_under_conditions_count_and_private_and_local_ones_do_not(stdlib: Path) -> None:
    (stdlib / "os.py").write_text(
        f"try:\n    def a():\n        '''{LONG} 1'''\nexcept ImportError:\n    def b():\n        '''{LONG} 2'''\n"
        f"class C:\n    class D:\n        async def e(self):\n            '''{LONG} 3'''\n"
        f"            def local():\n                '''{LONG} 4'''\n"
        f"    def _p(self):\n        '''{LONG} 5'''\n"
    )
    (stdlib / "_private.py").write_text(f"'''{LONG} 6'''")
    (stdlib / "test").mkdir()
    (stdlib / "test" / "x.py").write_text(f"'''{LONG} 7'''")
    assert names(stdlib) == {"json", "os.a", "os.b", "os.C.D.e"}


def test_equal_texts_are_one_document_under_the_first_name(stdlib: Path) -> None:
    (stdlib / "abc.py").write_text(f"def z():\n    '''{LONG}'''\ndef short():\n    '''Too short.'''\n")
    assert names(stdlib) == {"abc.z"}


def test_a_source_that_cannot_be_parsed_is_a_dead_letter_and_the_rest_goes_on(stdlib: Path) -> None:
    (stdlib / "abc.py").write_text("def (")
    items = list(PythonDocs(stdlib).read())
    assert [item.place for item in items if isinstance(item, Unreadable)] == [str(stdlib / "abc.py")]
    assert "json" in {item.source_id for item in items}


def test_a_python_without_sources_is_an_error_and_not_an_empty_source(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="no sources"):
        list(PythonDocs(tmp_path).read())
