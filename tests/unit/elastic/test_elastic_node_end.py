"""A local node that was ended has let go of its port, so that it may be started again at once."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from turnout.elastic.node import process
from turnout.elastic.node.machine import Machine

# Ends as a large server does: its main thread first (60: exit of one thread), its sockets with the last thread.
SLOW_TO_END = """
import ctypes, os, signal, socket, threading, time
taken = socket.socket()
taken.bind(("127.0.0.1", 0))
taken.listen()
def last():
    time.sleep(0.5)
    os._exit(0)
def leave(number, frame):
    threading.Thread(target=last).start()
    ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)
signal.signal(signal.SIGTERM, leave)
print(taken.getsockname()[1], flush=True)
while True:
    time.sleep(1)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is about how Linux ends a process")
def test_a_port_is_free_when_its_server_was_ended() -> None:
    machine = Machine(os.environ)
    arguments = [sys.executable, "-c", SLOW_TO_END, "org.elasticsearch"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        identity = process.fingerprint(machine, server.pid)
        assert identity
        assert process.port_taken(port)
        assert process.end(machine, server.pid, identity)
        assert not process.port_taken(port)
        assert not process.end(machine, server.pid, identity)
