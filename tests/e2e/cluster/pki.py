"""Keys, certificates and credentials of one cluster, made by openssl at its start and deleted with it."""

from __future__ import annotations

import secrets
import subprocess
from typing import TYPE_CHECKING

import yaml

from e2e.cluster.layout import HOST, PORTS, Layout

if TYPE_CHECKING:
    from pathlib import Path

_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
_ADDRESSES = ("127.0.0.1", HOST, "10.96.0.1")


def make_credentials(layout: Layout) -> None:
    """Write the CA, the API server's certificate, the key of service accounts, a token and the kubeconfig."""
    layout.pki.mkdir(parents=True, mode=0o700, exist_ok=True)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    _openssl(layout.pki, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-days", "30", "-subj", "/CN=ca")
    _openssl(layout.pki, "req", *key, "-keyout", "apiserver.key", "-out", "apiserver.csr", "-subj", "/CN=apiserver")
    names = [f"DNS:{name}" for name in _NAMES] + [f"IP:{address}" for address in _ADDRESSES]
    (layout.pki / "names").write_text(f"subjectAltName={','.join(names)}\n")
    signing = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30", "-extfile", "names"]
    _openssl(layout.pki, "x509", "-req", "-in", "apiserver.csr", "-out", "apiserver.crt", *signing)
    _openssl(layout.pki, "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "sa.key")
    _openssl(layout.pki, "pkey", "-in", "sa.key", "-pubout", "-out", "sa.pub")
    token = secrets.token_hex(16)
    _write_secret(layout.pki / "tokens.csv", f'{token},admin,admin,"system:masters"\n')
    _write_secret(layout.kubeconfig, yaml.safe_dump(kubeconfig(layout.pki / "ca.crt", token)))


def kubeconfig(authority: Path, token: str) -> dict[str, object]:
    """A kubeconfig of the cluster's administrator, for programs inside the namespace."""
    server = f"https://127.0.0.1:{PORTS['kube-apiserver']}"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "e2e", "cluster": {"server": server, "certificate-authority": str(authority)}}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "admin"}}],
        "current-context": "e2e",
    }


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
