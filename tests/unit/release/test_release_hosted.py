"""model.yaml of a hosted model: what it must say, what it may not say, and what its name is worth."""

from __future__ import annotations

import json
import re

import pytest

from support.artifact_files import MODEL, PIPELINE, TEXTS, checked, locked
from turnout.plan import Change, differences
from turnout.release.artifacts import Release
from turnout.release.endpoint import endpoint_problem, without_credentials

URL = "https://api.example.com/v1"
LOCAL = TEXTS[MODEL]
DIGESTS = LOCAL[LOCAL.index("digests:") : LOCAL.index("dims:")]
HOSTED = (
    LOCAL.replace(DIGESTS, "").replace("pooling: mean\n", "").replace("name: static", "name: openai")
    + f"endpoint: {URL}\n"
)


def rules(model: str, **files: str) -> list[tuple[str, str]]:
    return [(item.rule, item.pointer) for item in checked(locked_with(model) | files).findings]


def locked_with(model: str) -> dict[str, str]:
    return TEXTS | {MODEL: model}


def release(model: str) -> Release:
    found = checked(TEXTS | {MODEL: model}).release
    assert found is not None
    return found


def test_a_hosted_model_needs_an_endpoint_and_no_digests() -> None:
    texts = locked(TEXTS | {MODEL: HOSTED})
    assert not checked(texts).findings
    written = json.loads(texts["pipelines/toys/release.json"])["model"]
    assert written["endpoint"] == URL
    assert not {"digests", "pooling"} & written.keys()


def test_a_local_model_is_written_down_as_ever() -> None:
    written = json.loads(locked(TEXTS)["pipelines/toys/release.json"])["model"]
    assert "endpoint" not in written
    assert {"digests", "pooling"} <= written.keys()


@pytest.mark.parametrize(
    ("model", "finding"),
    [
        (LOCAL.replace(DIGESTS, ""), ("missing-key", "")),
        (LOCAL.replace("pooling: mean\n", ""), ("missing-key", "")),
        (LOCAL + f"endpoint: {URL}\n", ("endpoint-of-local", "/endpoint")),
        (HOSTED.replace(f"endpoint: {URL}\n", ""), ("missing-key", "")),
        (HOSTED + DIGESTS, ("digests-of-hosted", "/digests")),
        (HOSTED + "pooling: mean\n", ("pooling-of-hosted", "/pooling")),
        (HOSTED.replace("precision: fp32", "precision: bf16"), ("precision-runtime", "/runtime/precision")),
        (HOSTED.replace("https", "http"), ("endpoint-insecure", "/endpoint")),
    ],
)
def test_what_belongs_to_the_other_kind_is_a_finding(model: str, finding: tuple[str, str]) -> None:
    assert finding in rules(model)


def test_credentials_in_an_endpoint_are_found_and_not_repeated() -> None:
    found = checked(locked_with(HOSTED.replace("https://", "https://user:hunter2@"))).findings
    assert "endpoint-credentials" in {item.rule for item in found}
    assert "hunter2" not in repr(found)


def test_a_batch_that_the_provider_refuses_is_a_finding() -> None:
    pipeline = TEXTS[PIPELINE].replace("batch_size: 16", "batch_size: 97")
    cohere = HOSTED.replace("name: openai", "name: cohere")
    assert ("batch-too-large", "/embed/batch_size") in rules(cohere, **{PIPELINE: pipeline})
    assert ("batch-too-large", "/embed/batch_size") not in rules(HOSTED, **{PIPELINE: pipeline})


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("https://api.example.com/v1", None),
        ("https://api.example.com:8443", None),
        ("http://127.0.0.1:8000/v1", None),
        ("http://127.9.9.9", None),
        ("http://localhost:8000", None),
        ("http://[::1]:8000/v1", None),
        ("http://10.0.0.1", "endpoint-insecure"),
        ("http://localhost.example.com", "endpoint-insecure"),
        ("http://127.0.0.1.example.com", "endpoint-insecure"),
        ("https://key@api.example.com", "endpoint-credentials"),
        ("http://127.0.0.1@example.com", "endpoint-credentials"),
        ("https://api.example.com/", "endpoint-form"),
        ("https://api.example.com/v1?key=x", "endpoint-form"),
        ("https://api.example.com/v1#x", "endpoint-form"),
        ("https://API.example.com", "endpoint-form"),
        ("https://api.example.com:port", "endpoint-form"),
        ("https://[::1", "endpoint-form"),
        ("https://a b", "endpoint-form"),
        ("https://api.example.com\n", "endpoint-form"),
        ("ftp://api.example.com", "endpoint-form"),
        ("file:///etc/passwd", "endpoint-form"),
        ("https://", "endpoint-form"),
        ("", "endpoint-form"),
    ],
)
def test_an_endpoint_is_https_or_on_this_machine_and_nothing_but_a_base(url: str, rule: str | None) -> None:
    found = endpoint_problem(url)
    assert (found.rule if found else None) == rule


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("id: toy", "id: toy-2"),
        ('revision: "1"', 'revision: "2"'),
        (URL, "https://eu.example.com/v1"),
        ("name: openai", "name: cohere"),
    ],
)
def test_whatever_names_a_hosted_model_changes_its_fingerprints_and_is_embedded_again(old: str, new: str) -> None:
    base, head = release(HOSTED), release(HOSTED.replace(old, new))
    for mark in ("embedding", "index", "query"):
        assert getattr(base.fingerprints, mark) != getattr(head.fingerprints, mark)
    assert differences(base, head)[0].change is Change.EMBED


def test_dims_of_a_hosted_model_change_its_vectors() -> None:
    texts = {file: re.sub(r'("?dims"?): 16', r"\1: 8", text) for file, text in (TEXTS | {MODEL: HOSTED}).items()}
    head = checked(texts).release
    assert head is not None
    assert head.fingerprints.embedding != release(HOSTED).fingerprints.embedding


def test_names_of_a_local_model_stay_names() -> None:
    for old, new in (("id: toy", "id: toy-2"), ('revision: "1"', 'revision: "2"')):
        head = release(LOCAL.replace(old, new))
        assert head.fingerprints == release(LOCAL).fingerprints
        assert differences(release(LOCAL), head)[0].change is Change.OPERATIONAL


def test_moving_to_a_hosted_model_and_back_is_embedded() -> None:
    for base, head in ((LOCAL, HOSTED), (HOSTED, LOCAL)):
        assert differences(release(base), release(head))[0].change is Change.EMBED


@pytest.mark.parametrize(
    ("url", "printed"),
    [
        ("https://u:p@a.example/metrics", "https://a.example/metrics"),
        ("https://u:p%40@a.example:9200", "https://a.example:9200"),
        ("https://u:p/p?p@a.example/y", "https://a.example/y"),
        ("https://a.example/metrics?token=p#p", "https://a.example/metrics"),
        ("u:p@a.example", "a URL without a scheme"),
    ],
)
def test_a_url_is_printed_without_what_could_be_a_secret(url: str, printed: str) -> None:
    assert without_credentials(url) == printed
