"""The network namespace of the cluster, and how a thread of ours looks into it.

Programs listen on loopback or on the bridge in there, so no port of the machine is taken and no request leaves it.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
from typing import TYPE_CHECKING, TypeVar

from e2e.cluster.layout import HOST, NAME, NAMESPACE_FILE

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = TypeVar("Answer")
_CLONE_NEWNET = 0x40000000
# Not `ip netns exec`: that mounts /sys anew and thereby hides the cgroups.
ENTER = ("nsenter", f"--net={NAMESPACE_FILE}")


def create_namespace() -> None:
    """Make the namespace with the bridge that the CNI plugin attaches pods to."""
    _ip("netns", "add", NAME)
    inside = ["-n", NAME]
    _ip(*inside, "link", "set", "lo", "up")
    _ip(*inside, "link", "add", "cni0", "type", "bridge")
    _ip(*inside, "addr", "add", f"{HOST}/16", "dev", "cni0")
    _ip(*inside, "link", "set", "cni0", "up")
    # kube-proxy rewrites the service addresses only after routing found some way for them; nobody has this address.
    _ip(*inside, "route", "add", "default", "via", "10.44.255.254", "dev", "cni0")
    subprocess.run([*ENTER, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"], check=True)


def delete_namespace() -> None:
    if NAMESPACE_FILE.exists():
        subprocess.run(["ip", "netns", "del", NAME], check=False, capture_output=True)


def inside(look: Callable[[], Answer]) -> Answer:
    """Run `look` in a thread that has entered the namespace; sockets that it opens belong there.

    Raises:
        OSError: the namespace doesn't exist, or we may not enter it.
    """
    answers: list[Answer] = []
    problems: list[BaseException] = []

    def enter_and_look() -> None:
        try:
            _enter()
            answers.append(look())
        except BaseException as problem:
            problems.append(problem)

    thread = threading.Thread(target=enter_and_look, daemon=True)
    thread.start()
    thread.join()
    if problems:
        raise problems[0]
    return answers[0]


def _enter() -> None:
    descriptor = os.open(NAMESPACE_FILE, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(NAMESPACE_FILE))
    finally:
        os.close(descriptor)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
