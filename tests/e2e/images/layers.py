"""The layers that the images are made of, each kept by a key of everything that went into it. `build` calls this.

Keys hold the text of the modules that make a layer, so a change of the recipe makes it again.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.images import python
from e2e.images.debian import BUSYBOX, PYTHON, root_of
from e2e.images.oci import Layer, pack
from support import debian
from turnout.errors import EnvironmentProblem

Log = Callable[[str], None]

_REMEDY = "Use Debian 12; on other systems build service/Dockerfile with Docker."
_SOURCE = Path(__file__).parents[3]
_HERE = Path(__file__).parent


class Layers:
    """Makes layers in one folder and finds them there again."""

    def __init__(self, folder: Path, log: Log) -> None:
        self._folder = folder
        self._work = folder / "work"
        self._root = folder / "root"
        self._log = log
        self._work.mkdir(parents=True, exist_ok=True)

    def busybox(self) -> Layer:
        """One static program with a shell, `cp` and `sleep`."""
        key = _key(debian.sources(BUSYBOX, self._log), _recipe("debian.py", "oci.py"))
        return self._kept("busybox", key, lambda tree: root_of(BUSYBOX, tree, self._work / "debs", self._log))

    def model(self, folder: Path) -> Layer:
        """A prepared model under `/models/<digest>`."""
        name = f"model-{folder.name[:12]}"
        key = _key(_contents(folder), _recipe("oci.py"))
        return self._kept(name, key, lambda tree: _copy(folder, tree / "models" / folder.name))

    def python(self) -> Layer:
        """Python and the wheels: changes with service.lock, service/left-out.txt or a Debian package."""
        sources = debian.sources(PYTHON, self._log)
        lock = python.for_target((_SOURCE / "requirements/service.lock").read_text(), version=_version(sources))
        left_out = (_SOURCE / "service/left-out.txt").read_text()

        def make(tree: Path) -> None:
            root_of(PYTHON, tree, self._work / "debs", self._log)
            python.environment(tree)
            pins = self._work / "service.lock"
            pins.write_text(lock)
            python.install(pins, tree / python.SITE)
            python.leave_out(left_out, tree / python.SITE)
            python.compile_base(tree)

        key = _key(sources, lock, left_out, _recipe("debian.py", "python.py", "oci.py"))
        return self._kept("python", key, make, tree_in=self._root)

    def project(self) -> Layer:
        """The working tree's own code; made each time, with the Python that `python` left in a folder."""
        with timed(self._log, "project"):
            tree = _empty(self._work / "project")
            python.install_project(_SOURCE, tree, self._work / "wheel")
            python.compile_tree(self._root, tree)
            return pack(tree, self._folder / "project.layer.tar")

    def fault(self, name: str) -> Layer:
        """What makes `turnout serve` misbehave: `slow` or `errors`, see faults/e2e_fault.py."""
        tree = _empty(self._work / f"fault-{name}")
        site = tree / python.SITE
        site.mkdir(parents=True)
        shutil.copy(_HERE / "faults" / "e2e_fault.py", site)
        # Not sitecustomize.py: Debian's Python has one of its own, which is found first.
        (site / "e2e_fault.pth").write_text(f'import e2e_fault; e2e_fault.install("{name}")\n')
        return pack(tree, self._folder / f"fault-{name}.layer.tar")

    def _kept(self, name: str, key: str, make: Callable[[Path], None], *, tree_in: Path | None = None) -> Layer:
        """The layer of this name and key, made if it isn't there; its tree stays in `tree_in`, if given."""
        path = self._folder / f"{name}-{key}.layer.tar"
        said = path.with_suffix(".digest")
        if said.exists() and path.exists() and (tree_in is None or tree_in.exists()):
            return Layer(path, said.read_text(), path.stat().st_size)
        for old in self._folder.glob(f"{name}-*.layer.*"):
            old.unlink()
        with timed(self._log, name):
            tree = _empty(self._work / name)
            make(tree)
            layer = pack(tree, path)
            if tree_in is not None:
                shutil.rmtree(tree_in, ignore_errors=True)
                tree.rename(tree_in)
        shutil.rmtree(tree, ignore_errors=True)
        said.write_text(layer.digest)  # last: a layer without its digest is made again
        return layer


@contextmanager
def timed(log: Log, name: str) -> Iterator[None]:
    """Tell how long making something took."""
    started = time.monotonic()
    yield
    log(f"image: {name} in {time.monotonic() - started:.1f} s")


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _recipe(*modules: str) -> str:
    return "\0".join((_HERE / module).read_text() for module in modules)


def _contents(folder: Path) -> str:
    lines = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            lines.append(f"{path.relative_to(folder)} {hashlib.file_digest(file, 'sha256').hexdigest()}")
    return "\n".join(lines)


def _version(sources: str) -> str:
    """The version of Python among package files, for example 3.11.2."""
    found = re.search(r"^python3\.11-minimal_(\d+\.\d+\.\d+)", sources, flags=re.MULTILINE)
    if found is None:
        raise EnvironmentProblem("apt offers no Python 3.11", where="python3.11-minimal", remedy=_REMEDY)
    return found[1]


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target)


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
