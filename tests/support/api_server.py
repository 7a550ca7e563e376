"""A Kubernetes API server with its etcd on loopback and nothing else, for tests of what it admits. A few seconds.

The programs are those that `make e2e` builds; whoever asks finds out with `is_built` whether they are there.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from support.go_modules import ROOT

BIN = ROOT / "build/e2e/bin"
_TOKEN = "of-this-test"


def is_built() -> bool:
    """Whether the programs are there."""
    return all((BIN / name).exists() for name in ("etcd", "kube-apiserver", "kubectl"))


class ApiServer:
    """A running API server; `kubectl` speaks to it as an administrator."""

    def __init__(self, folder: Path, port: int) -> None:
        self._config = folder / "kubeconfig"
        cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(folder / "ca.pem")}
        context = {"cluster": "test", "user": "test"}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": _TOKEN}}],
            "contexts": [{"name": "test", "context": context}],
            "current-context": "test",
        }
        self._config.write_text(json.dumps(config))

    def kubectl(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run kubectl with `given` on its standard input."""
        command = [str(BIN / "kubectl"), f"--kubeconfig={self._config}", *arguments]
        return subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def api_server(folder: Path) -> Iterator[ApiServer]:
    """Start etcd and an API server, and end both."""
    etcd_port, peer_port, port = _free_ports(3)
    _keys(folder)
    processes = []
    try:
        processes.append(_start(folder, "etcd", *_etcd(folder, etcd_port, peer_port)))
        processes.append(_start(folder, "kube-apiserver", *_api(folder, f"http://127.0.0.1:{etcd_port}", port)))
        server = ApiServer(folder, port)
        _wait(server, folder, processes)
        yield server
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(timeout=20)


def _etcd(folder: Path, port: int, peer_port: int) -> list[str]:
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    listening = [f"--listen-client-urls={client}", f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}"]
    first = [f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}"]
    return [f"--data-dir={folder / 'etcd'}", *listening, *first, "--unsafe-no-fsync"]


def _api(folder: Path, etcd: str, port: int) -> list[str]:
    return [
        *(f"--etcd-servers={etcd}", "--bind-address=127.0.0.1", f"--secure-port={port}"),
        *(f"--tls-cert-file={folder / 'server.pem'}", f"--tls-private-key-file={folder / 'server.key'}"),
        *(f"--token-auth-file={folder / 'tokens.csv'}", "--authorization-mode=AlwaysAllow"),
        *("--service-account-issuer=https://test", f"--service-account-key-file={folder / 'accounts.key'}"),
        f"--service-account-signing-key-file={folder / 'accounts.key'}",
        "--feature-gates=ImageVolume=true",
        # No controller makes accounts here, and an endpoint on loopback would be refused.
        *("--disable-admission-plugins=ServiceAccount", "--endpoint-reconciler-type=none"),
    ]


def _keys(folder: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    server = authority.issue_cert("127.0.0.1")
    server.cert_chain_pems[0].write_to_path(str(folder / "server.pem"))
    server.private_key_pem.write_to_path(str(folder / "server.key"))
    (folder / "tokens.csv").write_text(f"{_TOKEN},admin,admin,system:masters\n")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "accounts.key").write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))


def _start(folder: Path, name: str, *arguments: str) -> subprocess.Popen[bytes]:
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen([str(BIN / name), *arguments], stdout=log, stderr=log, env=os.environ, cwd=folder)


def _wait(server: ApiServer, folder: Path, processes: list[subprocess.Popen[bytes]]) -> None:
    end = time.monotonic() + 90
    while server.kubectl("get", "--raw", "/readyz").stdout != "ok":
        ended = [each.args for each in processes if each.poll() is not None]
        tail = (folder / "kube-apiserver.log").read_text()[-2000:]
        assert time.monotonic() < end, f"the API server doesn't get ready: {tail}"
        assert not ended, f"{ended} ended: {tail}"
        time.sleep(0.5)


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in probes]
    for each in probes:
        each.close()
    return ports
