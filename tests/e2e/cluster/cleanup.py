"""Takes a cluster away completely: after a run, after a failed start, and what a killed run left behind."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from e2e.cluster.cgroups import end_members, remove_cgroups
from e2e.cluster.namespace import delete_namespace
from turnout.errors import EnvironmentProblem

# Where kubelet, containerd and the CNI library write although they were told other folders.
_PLACES = (
    *("/var/lib/kubelet", "/var/lib/cni", "/var/lib/containerd", "/var/lib/dockershim", "/var/log/containers"),
    *("/var/log/pods", "/run/containerd", "/opt/cni", "/opt/containerd", "/etc/cni", "/etc/kubernetes"),
    *("/run/kubernetes", "/usr/libexec/kubernetes", "/run/xtables.lock", "/run/netns", "/run/nri"),
)
_NOTE = "made.json"


def note_places(run: Path) -> None:
    """Write down which of the usual places don't exist yet, so that only those are removed afterwards."""
    run.mkdir(parents=True, exist_ok=True)
    (run / _NOTE).write_text(json.dumps([place for place in _PLACES if not Path(place).exists()]))


def clean_up(run: Path) -> None:
    """End every process of the cluster and remove everything it made; harmless when there is nothing.

    Raises:
        EnvironmentProblem: a process or a mount resists.
    """
    end_members()
    _remove_shim_sockets(run)
    _unmount_below(run)
    delete_namespace()
    remove_cgroups()
    note = run / _NOTE
    for place in json.loads(note.read_text()) if note.exists() else []:
        _remove_place(Path(place))
    if left := _mounts_below(run):
        raise EnvironmentProblem("mounts can't be undone", where=", ".join(left), remedy="Unmount them by hand.")
    shutil.rmtree(run, ignore_errors=True)


def _remove_shim_sockets(run: Path) -> None:
    """The runtime's shims listen in /run/containerd, which may belong to another containerd of this machine."""
    for path in run.glob("containerd/state/io.containerd.runtime.v2.task/*/*/address"):
        Path(path.read_text().strip().removeprefix("unix://")).unlink(missing_ok=True)


def _remove_place(place: Path) -> None:
    if place.name == "netns":  # `ip netns` mounts the folder onto itself; others may have theirs in it by now
        if place.exists() and not any(place.iterdir()):
            _unmount_below(place)
            place.rmdir()
        return
    _unmount_below(place)
    if place.is_dir():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)


def _unmount_below(folder: Path) -> None:
    for target in sorted(_mounts_below(folder), reverse=True):
        if subprocess.run(["umount", target], capture_output=True).returncode:
            subprocess.run(["umount", "--lazy", target], capture_output=True)


def _mounts_below(folder: Path) -> list[str]:
    """Mount points at or below `folder`; the kernel writes blanks in them as octal."""
    targets = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    decoded = [target.encode().decode("unicode_escape") for target in targets]
    return [target for target in decoded if target == str(folder) or target.startswith(f"{folder}/")]
