"""The Python side of the image: wheels of service.lock, the project's own code, byte code. `build` calls this.

The layout is the Dockerfile's: a virtual environment without pip in /opt/turnout.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from packaging.requirements import Requirement

from turnout.errors import EnvironmentProblem

HOME = "opt/turnout"
SITE = f"{HOME}/lib/python3.11/site-packages"
_STDLIB = "usr/lib/python3.11"
_GLIBC = 36  # minor version of Debian 12's
_SCRIPT = """#!/opt/turnout/bin/python
import sys

from turnout.cli import main

sys.exit(main())
"""


def for_target(lock: str, *, version: str, machine: str | None = None) -> str:
    """The entries of a lock file that hold on the image's Python, hashes kept, markers gone.

    pip would judge markers by the Python that it runs on, which needs not be the image's.

    Args:
        lock: the text of a requirements file with hashes.
        version: of the image's Python, for example 3.11.2.
        machine: as `uname -m` says; this machine's if left out.
    """
    machine = machine or platform.machine()
    marker = {
        "python_version": ".".join(version.split(".")[:2]),
        "python_full_version": version,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": machine,
    }
    kept = []
    for entry in re.split(r"\n(?=\S)", lock.replace("\\\n", " ")):
        words, *hashes = entry.partition("#")[0].split("--hash=")
        if not words.strip():
            continue
        requirement = Requirement(words)
        if requirement.marker is None or requirement.marker.evaluate(marker):
            pins = " ".join(f"--hash={value.strip()}" for value in hashes)
            kept.append(f"{requirement.name}{requirement.specifier} {pins}")
    return "\n".join(kept) + "\n"


def install(lock: Path, site: Path) -> None:
    """Put the wheels of a lock file (see `for_target`) into `site`, by hash, without running anything of them.

    Raises:
        EnvironmentProblem: pip failed.
    """
    machine = platform.machine()
    platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in range(_GLIBC, 4, -1)]
    platforms += [f"--platform={name}_{machine}" for name in ("manylinux2014", "manylinux2010", "manylinux1")]
    _run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--require-hashes", "--no-compile", "--only-binary=:all:", "--implementation=cp"),
        *("--python-version=3.11", *platforms, f"--target={site}", f"--requirement={lock}"),
    )
    # Scripts name the Python that ran pip. The image has one command, and that is written by `install_project`.
    shutil.rmtree(site / "bin", ignore_errors=True)


def leave_out(patterns: str, site: Path) -> None:
    """Remove what service/left-out.txt lists."""
    for line in patterns.splitlines():
        if line and not line.startswith("#"):
            for path in sorted(site.glob(line)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def environment(root: Path) -> None:
    """What `python -m venv --without-pip /opt/turnout` leaves, as far as it is needed."""
    (root / HOME / "bin").mkdir(parents=True)
    (root / HOME / "bin" / "python").symlink_to("/usr/bin/python3.11")
    (root / HOME / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")


def install_project(source: Path, tree: Path, work: Path) -> None:
    """Build the wheel of the working tree and put it into `tree`, with the command `turnout`.

    Raises:
        EnvironmentProblem: the wheel can't be built.
    """
    shutil.rmtree(work, ignore_errors=True)
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(work), folder=source)
    (wheel,) = work.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        content.extractall(tree / SITE)
    script = tree / HOME / "bin" / "turnout"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(_SCRIPT)
    script.chmod(0o755)


def compile_base(root: Path) -> None:
    """Byte code for the standard library and the wheels: read-only pods can't keep any that they make."""
    # Some of these files are of a newer or older Python; nobody imports them, and the others are compiled.
    _compile(root, root, (_STDLIB, SITE), strict=False)


def compile_tree(root: Path, tree: Path) -> None:
    """Byte code for what lies in `tree`'s site-packages, made by the Python in `root`.

    Raises:
        EnvironmentProblem: a file can't be compiled.
    """
    _compile(root, tree, (SITE,), strict=True)


def _compile(root: Path, tree: Path, folders: tuple[str, ...], *, strict: bool) -> None:
    # By the image's own Python, because byte code is of one version; with its own loader and libraries, because then
    # it needs neither chroot nor root. Unchecked, because a layer's files have no times. In one process with a fixed
    # hash seed, because then the bytes are the same each time.
    (loader,) = root.glob("lib*/ld-linux-*.so.*")
    libraries = [str(path) for place in ("lib", "usr/lib") for path in sorted(root.glob(f"{place}/*-linux-gnu"))]
    _run(
        *(str(loader), "--library-path", ":".join(libraries), str(root / "usr/bin/python3.11")),
        *("-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s", str(tree), "-p", "/"),
        *(str(tree / folder) for folder in folders),
        env={"PYTHONHOME": str(root / "usr"), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
        strict=strict,
    )


def _run(*command: str, folder: Path | None = None, env: dict[str, str] | None = None, strict: bool = True) -> None:
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if strict and done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise EnvironmentProblem(f"it failed:\n{said}", where=" ".join(command[:4]), remedy="see what it says")
