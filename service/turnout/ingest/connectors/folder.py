"""The connector `folder`: Markdown, text, HTML and PDF files under one folder, at any depth.

The folder may hold anything, so nothing in it is trusted: links that lead out are not followed, devices and pipes are
not opened, large files are not read. Hidden files and files of other formats are passed over.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from turnout.errors import EnvironmentProblem
from turnout.ingest.connectors.formats import FORMATS, UnreadableFile
from turnout.ingest.source import SourceDocument, Unreadable


class Folder:
    """The connector `folder`.

    Args:
        path: the folder; ids are the files' paths below it, with forward slashes.
        identity: see `Connector`.
        max_document_bytes: larger files are not read.
    """

    def __init__(self, path: Path, *, identity: str, max_document_bytes: int) -> None:
        self._path = path
        self._root = path.resolve()
        self._identity = identity
        self._max_bytes = max_document_bytes

    @property
    def identity(self) -> str:
        return self._identity

    def read(self) -> Iterator[SourceDocument | Unreadable]:
        """Files in the order of their names, folder by folder.

        Raises:
            EnvironmentProblem: the folder itself can't be listed.
        """
        if not self._path.is_dir():
            raise EnvironmentProblem("there is no such folder", where=str(self._path), remedy="check the option `path`")
        blocked: list[OSError] = []
        for top, folders, files in os.walk(self._path, followlinks=False, onerror=blocked.append):
            yield from _unlisted(blocked)
            links = [name for name in folders if Path(top, name).is_symlink()]
            folders[:] = sorted(name for name in folders if name not in links and not name.startswith("."))
            for name in sorted(files + links):
                if not name.startswith("."):
                    yield from self._file(Path(top, name), is_folder_link=name in links)
        yield from _unlisted(blocked)

    def _file(self, path: Path, *, is_folder_link: bool) -> Iterator[SourceDocument | Unreadable]:
        relative = path.relative_to(self._path).as_posix()
        read = FORMATS.get(path.suffix.lower())
        if read is None and not is_folder_link:
            return
        try:
            if read is None:
                raise UnreadableFile("a link to a folder is not followed")
            relative.encode()
            document = read(self._bytes(path), path.stem)
        except UnicodeEncodeError:
            yield Unreadable(place=relative, reason="the file's name is not UTF-8", source_id=relative)
        except (OSError, UnreadableFile) as error:
            yield Unreadable(place=relative, reason=str(error), source_id=relative)
        else:
            fields = {"path": relative, "format": document.format}
            yield SourceDocument(
                source_id=relative, title=document.title, text=document.text, fields=fields, place=relative
            )

    def _bytes(self, path: Path) -> bytes:
        real = Path(os.path.realpath(path, strict=True))
        if not real.is_relative_to(self._root):
            raise UnreadableFile("a link that leads out of the folder is not followed")
        if not stat.S_ISREG(real.stat().st_mode):
            raise UnreadableFile("not a regular file")
        with real.open("rb") as file:
            data = file.read(self._max_bytes + 1)
        if len(data) > self._max_bytes:
            raise UnreadableFile(f"larger than {self._max_bytes} bytes (limits.max_document_bytes)")
        return data


def _unlisted(blocked: list[OSError]) -> Iterator[Unreadable]:
    """Folders that can't be listed. Which documents are in them is unknown: such a letter has no id."""
    while blocked:
        error = blocked.pop()
        yield Unreadable(place=str(error.filename), reason=f"the folder can't be listed: {error.strerror}")
