"""The cgroups of the cluster: where every process of it lives, so that none can be missed and no other is ever ended.

A process can't leave its cgroup and children are born into it. "Ours" is therefore "in our cgroup", which stays true
after this program was killed, a container runtime lost its shims, or the kernel gave a process id to someone else.
Version 1 (one tree for each controller) and version 2 (one tree) both work.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from e2e.cluster.layout import NAME
from turnout.errors import EnvironmentProblem

_MOUNT = Path("/sys/fs/cgroup")
PODS = f"/{NAME}/pods"  # the kubelet's cgroupRoot


def is_version_2() -> bool:
    return (_MOUNT / "cgroup.controllers").exists()


def create_cgroups() -> Path:
    """Make the trees and return the `cgroup.procs` file that a program writes itself into before it starts."""
    if is_version_2():
        controllers = " ".join(f"+{name}" for name in (_MOUNT / "cgroup.controllers").read_text().split())
        (_MOUNT / "cgroup.subtree_control").write_text(controllers)
        (_MOUNT / NAME).mkdir(exist_ok=True)
        (_MOUNT / NAME / "cgroup.subtree_control").write_text(controllers)
    for tree in _trees():
        (tree / NAME / "pods").mkdir(parents=True, exist_ok=True)
        _inherit_cpus(tree / NAME)
    programs = _census() / NAME / "programs"
    programs.mkdir(exist_ok=True)
    return programs / "cgroup.procs"


def programs_file() -> Path:
    """The file that `create_cgroups` returned."""
    return _census() / NAME / "programs" / "cgroup.procs"


def members() -> set[int]:
    """The ids of all processes of the cluster, those in pods too."""
    found: set[int] = set()
    for path in (_census() / NAME).rglob("cgroup.procs"):
        with contextlib.suppress(OSError):
            found |= {int(line) for line in path.read_text().split()}
    return found


def end_members(*, timeout: float = 30.0) -> None:
    """Kill all processes of the cluster, and those that they start meanwhile, until there are none.

    Raises:
        EnvironmentProblem: one is still there after `timeout` seconds.
    """
    until = time.monotonic() + timeout
    while left := members():
        if time.monotonic() > until:
            raise EnvironmentProblem(
                f"processes can't be ended: {sorted(left)}", where=NAME, remedy="Look at them with ps; reboot if stuck."
            )
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def remove_cgroups() -> None:
    """Remove the trees; they must hold no process any more."""
    for tree in {*_trees(), _census()}:
        for folder, _, _ in os.walk(tree / NAME, topdown=False):
            _remove(folder)


def _remove(folder: str) -> None:
    for _ in range(50):  # the kernel holds a cgroup a moment longer than its last process
        try:
            os.rmdir(folder)
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return


def _trees() -> list[Path]:
    if is_version_2():
        return [_MOUNT]
    return sorted(path for path in _MOUNT.iterdir() if (path / "cgroup.procs").exists() and not path.is_symlink())


def _census() -> Path:
    """The tree in which processes are counted: version 1 keeps one for each controller."""
    return _MOUNT if is_version_2() else _MOUNT / "pids"


def _inherit_cpus(folder: Path) -> None:
    """A version 1 cpuset takes no process before it was given processors and memory nodes."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        if not is_version_2() and (folder / name).exists():
            (folder / name).write_text((folder.parent / name).read_text())
            (folder / "pods" / name).write_text((folder.parent / name).read_text())
