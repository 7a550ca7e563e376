"""The file of a ledger: append-only, outside Elasticsearch, whole up to its last `synced` line after any crash.

Written by the keeper, which alone may (a lock on the file), and read by a restore at any time.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec

from turnout.errors import BadInput, EnvironmentProblem, Refused
from turnout.ledger.lines import BEGIN, Change, Line, Opened, SyncedTo, decode, encode


class Section(msgspec.Struct, kw_only=True):
    """What a ledger knows of one incarnation of the documents index, in the order in which it learnt it.

    `synced` is the last checkpoint by shard; empty if it was never read to an end.
    """

    identity: str
    created: int
    opened_at: str
    changes: list[Change] = []
    synced: dict[int, int] = {}
    synced_at: str = ""


class Ledger(msgspec.Struct, kw_only=True):
    """A ledger as read: of which index, and what it knows. `size` is how many bytes of the file are whole lines."""

    documents: str = ""
    sections: list[Section] = []
    size: int = 0

    @property
    def synced_at(self) -> str:
        """When it had last caught up with the documents index; empty if never."""
        return max((section.synced_at for section in self.sections), default="")

    def ids(self) -> set[str]:
        """Every document that was ever deleted."""
        return {change.id for section in self.sections for change in section.changes}

    def add(self, line: Line) -> None:
        """Take one line in.

        Raises:
            ValueError: a line that can't stand here.
        """
        match line:
            case Opened():
                if self.documents not in ("", line.documents):
                    raise ValueError(f"a section of {line.documents!r}")
                self.documents = line.documents
                section = Section(identity=line.identity, created=line.created, opened_at=line.at)
                self.sections.append(section)
            case _ if not self.sections:
                raise ValueError("a line before the first section")
            case Change():
                self.sections[-1].changes.append(line)
            case SyncedTo():
                self.sections[-1].synced, self.sections[-1].synced_at = line.checkpoints, line.at


def read(path: Path) -> Ledger:
    """The ledger in a file; an empty one if the file is empty. What a crash left of a last line doesn't count.

    Raises:
        BadInput: there is no such file, it isn't a ledger, or it is damaged above what is known to be synced.
    """
    try:
        with path.open("rb") as file:
            return _read(file, path)
    except OSError as error:
        raise BadInput(
            f"the ledger can't be read: {error.strerror}", where=str(path), remedy="name the file of `turnout ledger`"
        ) from error


def _read(file: BinaryIO, path: Path) -> Ledger:
    ledger = Ledger()
    for number, data in enumerate(file, start=1):
        try:
            if not data.endswith(b"\n") and (ledger.sections or _began(data)):
                break
            ledger.add(decode(data))
        except (msgspec.DecodeError, ValueError) as error:
            # Behind the last synced line everything is read again; above it a loss would go unnoticed.
            if any(b'"line":"synced"' in later for later in file):
                raise BadInput(
                    f"the ledger is damaged: {error}", where=f"{path}:{number}", remedy="bring it back from a backup"
                ) from error
            if not ledger.sections:
                raise BadInput(
                    "this isn't a ledger", where=f"{path}:{number}", remedy="name the file of `turnout ledger`"
                ) from error
            break
        ledger.size += len(data)
    return ledger


def _began(data: bytes) -> bool:
    """Whether this is what a crash left of the very first line; anything else is somebody's file."""
    head = data.rstrip(b"\0")[: len(BEGIN)]
    return BEGIN.startswith(head)


class LedgerFile:
    """A ledger opened for writing. A context manager; it holds the lock while it is open.

    What couldn't be written, or not be made to last, is cut off before the next line: go on from `current.synced`.

    Args:
        documents: the name of the index whose deletes it keeps.

    Raises:
        Refused: from `with`: another process writes to it, or it is of another index.
        BadInput: from `with`: see `read`.
        EnvironmentProblem: the file can't be opened or written.
    """

    def __init__(self, path: Path, documents: str) -> None:
        self._path = path
        self._documents = documents
        self._file: BinaryIO | None = None
        self._end = 0  # of the lines that were written whole
        self._lasting = 0  # of those that outlive the machine
        self.ids: set[str] = set()
        """Every document that was ever deleted."""
        self.current: Section | None = None
        """The section that is written to; its `changes` aren't kept."""
        self.synced_at = ""
        self.deletes = 0
        """Lines of deletes in the whole file."""

    def __enter__(self) -> LedgerFile:
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._problem(error) from error
        self._file = os.fdopen(handle, "r+b", buffering=0)
        try:
            self._start(self._file)
        except BaseException:
            self._file.close()
            raise
        return self

    def _start(self, file: BinaryIO) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused(
                "another process keeps this ledger", where=str(self._path), remedy="one is enough; stop the other first"
            ) from error
        ledger = read(self._path)
        if ledger.documents not in ("", self._documents):
            raise Refused(
                f"this is the ledger of {ledger.documents}, not of {self._documents}",
                where=str(self._path),
                remedy="give each collection a file of its own, and look at TURNOUT_INDEX_PREFIX",
            )
        self.ids, self.synced_at = ledger.ids(), ledger.synced_at
        self.deletes = sum(change.deleted for section in ledger.sections for change in section.changes)
        if ledger.sections:
            self.current = ledger.sections[-1]
            self.current.changes = []
        self._end = ledger.size
        self._append([])
        self._sync()
        _sync_folder(self._path.parent)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def open_section(self, *, identity: str, created: int, at: str) -> None:
        """Begin with another incarnation of the documents index."""
        self._append([Opened(documents=self._documents, identity=identity, created=created, at=at)])
        self._sync()  # or what comes next might end up in the section before
        self.current = Section(identity=identity, created=created, opened_at=at)

    def append(self, changes: Iterable[Change]) -> None:
        """Add what was found. It counts when `synced` has returned."""
        found = list(changes)
        if found:
            self._append(found)
            self.ids |= {change.id for change in found}
            self.deletes += sum(change.deleted for change in found)

    def synced(self, checkpoints: dict[int, int], at: str) -> None:
        """Everything up to `checkpoints` was added: make sure that it outlives the machine, then say so."""
        if self.current is None:
            raise ValueError("no section is open")
        self._sync()  # before the line that vouches for it
        self._append([SyncedTo(checkpoints=checkpoints, at=at)])
        self._sync()
        self.current.synced, self.current.synced_at = checkpoints, at
        self.synced_at = at

    def _append(self, lines: Iterable[Line]) -> None:
        data = memoryview(b"".join(map(encode, lines)))
        end = self._end + len(data)
        try:
            self._opened.truncate(self._end)  # a disk that was full has part of a line
            self._opened.seek(self._end)
            while data:
                data = data[self._opened.write(data) :]
        except OSError as error:
            raise self._problem(error) from error
        self._end = end

    def _sync(self) -> None:
        try:
            os.fsync(self._opened.fileno())
        except OSError as error:
            self._end = self._lasting  # the next attempt would succeed without having written it
            raise self._problem(error) from error
        self._lasting = self._end

    @property
    def _opened(self) -> BinaryIO:
        if self._file is None:
            raise ValueError("a ledger is written inside its `with` block")
        return self._file

    def _problem(self, error: OSError) -> EnvironmentProblem:
        return EnvironmentProblem(
            f"the ledger can't be written: {error.strerror}",
            where=str(self._path),
            remedy="look at the folder's rights and at the free space; start again, nothing is lost",
        )


def _sync_folder(folder: Path) -> None:
    """A new file's name outlives a crash only then. Some file systems can't, and need not."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
