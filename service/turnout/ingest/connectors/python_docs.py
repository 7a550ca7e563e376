"""The documentation strings of Python's own standard library: a real corpus that every machine has.

Sources are parsed and never imported, so nothing runs; modules written in C have no source, and of those only a fixed
list that is harmless to import is looked at. Used by `turnout ingest` and by whoever judges queries for the demo.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Literal, NamedTuple

from turnout.errors import EnvironmentProblem
from turnout.ingest.source import SourceDocument, Unreadable

MIN_CHARS = 60  # shorter ones say no more than the name

Kind = Literal["module", "class", "function", "method"]

_SKIPPED = frozenset({"test", "tests", "idlelib", "turtledemo", "ensurepip", "encodings", "site-packages"})

# In an installation or not, as its packager likes: left out so that machines agree.
_OPTIONAL = frozenset({"lib2to3", "tkinter", "turtle", "distutils"})

# Gone after Python 3.11 (PEP 594 and 632): left out so that Python versions agree.
_REMOVED = frozenset(
    (
        *("aifc", "asynchat", "asyncore", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "imp", "mailcap"),
        *("msilib", "nis", "nntplib", "ossaudiodev", "pipes", "smtpd", "sndhdr", "spwd", "sunau", "telnetlib", "uu"),
        "xdrlib",
    )
)

# Python puts the readable version of some C modules behind an underscore; users know them by the public name.
_PUBLIC_NAMES = {
    "_collections_abc": "collections.abc",
    "_pydatetime": "datetime",
    "_pydecimal": "decimal",
    "_pyio": "io",
}

# Modules without a Python source. Importing one of these opens nothing and changes nothing.
_C_MODULES = ("array", "binascii", "builtins", "cmath", "gc", "itertools", "math", "sys", "time", "unicodedata", "zlib")

_Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class _Entry(NamedTuple):
    name: str
    module: str
    kind: Kind
    text: str
    place: str


class PythonDocs:
    """The connector `python-docs`. It has no options."""

    def __init__(self, stdlib: Path | None = None) -> None:
        self._stdlib = stdlib or Path(sysconfig.get_paths()["stdlib"])

    @property
    def identity(self) -> str:
        """One and the same for all Python versions, so that a newer interpreter updates what an older one wrote."""
        return "stdlib"

    def read(self) -> Iterator[SourceDocument | Unreadable]:
        """Public names with a docstring of more than `MIN_CHARS` characters, sorted by name, equal texts once.

        Raises:
            EnvironmentProblem: this Python comes without the sources of its standard library.
        """
        if not (self._stdlib / "json" / "__init__.py").is_file():
            raise EnvironmentProblem(
                "the standard library has no sources here",
                where=str(self._stdlib),
                remedy="use a Python whose standard library is a folder of .py files",
            )
        found: dict[str, _Entry] = {}
        for path, module in _sources(self._stdlib):
            try:
                tree = _parse(path)
            except (SyntaxError, ValueError, RecursionError) as error:
                yield Unreadable(place=str(path), reason=f"{type(error).__name__}: {error}")
                continue
            for entry in _entries(tree, module, str(path)):
                found.setdefault(entry.name, entry)
        for entry in _builtin_entries():
            found.setdefault(entry.name, entry)
        yield from _distinct(found)


def documents() -> Iterator[SourceDocument]:
    """The documents of the running interpreter's standard library, in the order of their names."""
    return (item for item in PythonDocs().read() if isinstance(item, SourceDocument))


def _distinct(found: dict[str, _Entry]) -> Iterator[SourceDocument]:
    seen: set[str] = set()
    for name in sorted(found):
        entry = found[name]
        if entry.text in seen:
            continue
        seen.add(entry.text)
        yield SourceDocument(
            source_id=name,
            title=name,
            text=entry.text,
            fields={"module": entry.module, "kind": entry.kind},
            place=entry.place,
        )


def _sources(stdlib: Path) -> Iterator[tuple[Path, str]]:
    """The files of the public library with the name to import each by."""
    for top in sorted(stdlib.iterdir()):
        if _module_name(top.relative_to(stdlib)) is None:
            continue  # also keeps us out of site-packages, which may be huge
        for path in sorted(top.rglob("*.py")) if top.is_dir() else [top]:
            module = _module_name(path.relative_to(stdlib))
            if module is not None and path.suffix == ".py":
                yield path, module


def _module_name(path: Path) -> str | None:
    """The name to import, or None for what isn't part of the public library."""
    parts = list(path.with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    if not parts or parts[0] not in sys.stdlib_module_names or parts[0] in _OPTIONAL | _REMOVED:
        return None
    if parts[0] in _PUBLIC_NAMES:
        return ".".join([_PUBLIC_NAMES[parts[0]], *parts[1:]])
    if any(part.startswith("_") or part in _SKIPPED for part in parts):
        return None
    return ".".join(parts)


def _parse(path: Path) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old escapes in the library are not ours to report
        return ast.parse(path.read_bytes(), filename=str(path))


def _entries(tree: ast.Module, module: str, place: str) -> Iterator[_Entry]:
    if entry := _entry(tree, module, module, "module", place):
        yield entry
    yield from _members(tree.body, module, module, place, in_class=False)


def _members(body: list[ast.stmt], prefix: str, module: str, place: str, *, in_class: bool) -> Iterator[_Entry]:
    for node in _definitions(body):
        if node.name.startswith("_"):
            continue
        name = f"{prefix}.{node.name}"
        kind: Kind = "class" if isinstance(node, ast.ClassDef) else "method" if in_class else "function"
        if entry := _entry(node, name, module, kind, f"{place}:{node.lineno}"):
            yield entry
        if isinstance(node, ast.ClassDef):
            yield from _members(node.body, name, module, place, in_class=True)


def _definitions(body: list[ast.stmt]) -> Iterator[_Definition]:
    """Classes and functions, also those under `if` and `try`, but not those inside a function."""
    for node in body:
        if isinstance(node, _Definition):
            yield node
            continue
        for block in ("body", "orelse", "finalbody"):
            yield from _definitions(getattr(node, block, []))
        for handler in getattr(node, "handlers", []):
            yield from _definitions(handler.body)


def _entry(node: ast.Module | _Definition, name: str, module: str, kind: Kind, place: str) -> _Entry | None:
    text = ast.get_docstring(node, clean=True) or ""
    return _Entry(name, module, kind, text, place) if len(text) > MIN_CHARS else None


def _builtin_entries() -> Iterator[_Entry]:
    for name in _C_MODULES:
        module = importlib.import_module(name)
        yield from _described(module, name, name, "module")
        for member, value in sorted(vars(module).items()):
            if member.startswith("_") or isinstance(value, ModuleType):
                continue
            if inspect.isclass(value):
                yield from _class_entries(value, f"{name}.{member}", name)
            elif inspect.isbuiltin(value):
                yield from _described(value, f"{name}.{member}", name, "function")


def _class_entries(value: type, name: str, module: str) -> Iterator[_Entry]:
    yield from _described(value, name, module, "class")
    for member, method in sorted(vars(value).items()):
        if not member.startswith("_") and (callable(method) or isinstance(method, classmethod | staticmethod)):
            yield from _described(method, f"{name}.{member}", module, "method")


def _described(value: object, name: str, module: str, kind: Kind) -> Iterator[_Entry]:
    text = inspect.cleandoc(value.__doc__ or "") if isinstance(value.__doc__, str) else ""
    if len(text) > MIN_CHARS:
        yield _Entry(name, module, kind, text, name)
