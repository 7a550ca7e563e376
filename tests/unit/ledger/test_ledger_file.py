"""The file of a ledger takes no harm from a full disk, a mistaken path or another index's keeper."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from turnout.errors import BadInput, EnvironmentProblem, Refused
from turnout.ledger import Change, LedgerFile, read

AT = "2026-01-01T00:00:00+00:00"


def change(id_: str, seq_no: int) -> Change:
    """A delete."""
    return Change(id=id_, deleted=True, updated_at=AT, content_hash="", shard=0, seq_no=seq_no)


@contextmanager
def full_at(size: int) -> Iterator[None]:
    """No file grows beyond a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def ids(path: Path) -> list[str]:
    """What the file holds."""
    return [each.id for section in read(path).sections for each in section.changes]


@pytest.mark.parametrize("room", [0, 1, 90])
def test_what_a_full_disk_cut_off_is_no_damage_once_there_is_room_again(tmp_path: Path, room: int) -> None:
    path = tmp_path / "toys.ledger"
    with LedgerFile(path, "toys.documents") as file:
        file.open_section(identity="i", created=1, at=AT)
        with full_at(path.stat().st_size + room), pytest.raises(EnvironmentProblem, match="can't be written"):
            file.append([change("a", 1)])
        file.append([change("a", 1), change("b", 2)])
        file.synced({0: 2}, AT)
    assert ids(path) == ["a", "b"]


def test_what_could_not_be_made_to_last_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "toys.ledger"
    with LedgerFile(path, "toys.documents") as file:
        file.open_section(identity="i", created=1, at=AT)
        file.append([change("a", 1)])
        monkeypatch.setattr(os, "fsync", failing)
        with pytest.raises(EnvironmentProblem):
            file.synced({0: 1}, AT)
        monkeypatch.undo()
        assert file.current is not None
        assert file.current.synced == {}, "the keeper has to read it again"
        file.append([change("a", 1)])
        file.synced({0: 1}, AT)
    assert ids(path) == ["a"]


def test_a_section_that_could_not_be_begun_is_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "toys.ledger"
    with LedgerFile(path, "toys.documents") as file:
        monkeypatch.setattr(os, "fsync", failing)
        with pytest.raises(EnvironmentProblem):
            file.open_section(identity="i", created=1, at=AT)
        monkeypatch.undo()
        assert file.current is None
        file.open_section(identity="i", created=1, at=AT)
        file.append([change("a", 1)])
    assert len(read(path).sections) == 1


def failing(_handle: int) -> None:
    """A disk that can't."""
    raise OSError(5, "Input/output error")


@pytest.mark.parametrize("content", ["some notes", "some notes\nmore\n", '{"line":"sync', "\n", "[1]\n"])
def test_a_file_that_is_no_ledger_is_refused_and_stays_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / "notes.md"
    path.write_text(content)
    with pytest.raises(BadInput, match="isn't a ledger"):
        read(path)
    with pytest.raises(BadInput, match="isn't a ledger"), LedgerFile(path, "toys.documents"):
        pass
    assert path.read_text() == content


@pytest.mark.parametrize("torn", [b"", b"{", b'{"line":"opened","documents":"to', b'{"line"\0\0\0', b"\0\0\0"])
def test_a_ledger_whose_first_line_was_torn_is_begun_anew(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "toys.ledger"
    path.write_bytes(torn)
    with LedgerFile(path, "toys.documents") as file:
        file.open_section(identity="i", created=1, at=AT)
    assert len(read(path).sections) == 1


def test_the_ledger_of_another_index_prefix_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "toys.ledger"
    with LedgerFile(path, "production-toys.documents") as file:
        file.open_section(identity="i", created=1, at=AT)
    with pytest.raises(Refused, match="production-toys"), LedgerFile(path, "staging-toys.documents"):
        pass
