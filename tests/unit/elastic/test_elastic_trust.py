"""What is wrong with a certificate authority is said before anything is asked."""

from __future__ import annotations

import ast
import ssl
from pathlib import Path

import pytest

from support.go_modules import ROOT
from support.tls import Authority
from turnout.cli.settings import from_environment
from turnout.elastic.client import connect, connect_async
from turnout.elastic.trust import context_for
from turnout.errors import EnvironmentProblem

URL = "https://search.example:9200"


def test_a_missing_file_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="can't be read: No such file") as raised:
        connect(URL, ca=tmp_path / "missing.pem")
    assert raised.value.where == str(tmp_path / "missing.pem")
    assert "TURNOUT_ELASTICSEARCH_CA" in raised.value.remedy


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x30\x82\x01\x00", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_without_a_certificate_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(content)
    with pytest.raises(EnvironmentProblem, match="holds no certificate in PEM form"):
        connect_async(URL, ca=file)


def test_a_folder_is_no_authority(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="certificate"):
        connect(URL, ca=tmp_path)


def test_an_authority_for_plain_http_is_refused_because_nothing_would_be_encrypted(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="nothing would be encrypted"):
        connect("http://search.example:9200", ca=Authority(tmp_path).file)


def test_certificates_and_names_are_always_verified(tmp_path: Path) -> None:
    for ca in (None, Authority(tmp_path).file):
        context = context_for(URL, ca)
        assert context is not None
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context_for("http://127.0.0.1:9210", None) is None


def test_a_given_authority_is_the_only_one_in_the_context(tmp_path: Path) -> None:
    context = context_for(URL, Authority(tmp_path).file)
    assert context is not None
    assert context.cert_store_stats() == {"x509": 1, "crl": 0, "x509_ca": 1}


def test_the_setting_is_a_path_and_empty_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TURNOUT_ELASTICSEARCH_CA", " ")
    assert from_environment().ca is None
    monkeypatch.setenv("TURNOUT_ELASTICSEARCH_CA", str(tmp_path / "ca.pem"))
    assert from_environment().ca == (tmp_path / "ca.pem").resolve()


def test_every_client_but_that_of_a_local_node_is_given_the_authority() -> None:
    without = set()
    for file in (ROOT / "service/turnout").rglob("*.py"):
        text = file.read_text()
        if "turnout.elastic.client import" not in text:
            continue
        for call in ast.walk(ast.parse(text)):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("connect", "connect_async"):
                passed = {keyword.arg for keyword in call.keywords}
                without |= set() if "ca" in passed or "in_cluster" in passed else {f"{file.name}: {ast.unparse(call)}"}
    # The one that waits for a node that turnout started: plain HTTP on loopback.
    assert without == {"server.py: connect(url, timeout_s=30.0)"}
