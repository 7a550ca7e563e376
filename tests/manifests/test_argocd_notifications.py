"""Messages of Argo CD: Applications in each state through the real engine to a chat and to pull requests."""

import json
import os
from http.server import BaseHTTPRequestHandler

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from support.go_modules import ROOT, rendered
from support.loopback import listening
from support.notifications import inbox, send

COMMIT = "f90bd78be4dba66a2003edb90e9435b07848632e"
EVENTS = ("started", "paused", "aborted", "promoted", "reverted")
REVERTS = (
    "Revert python-docs from r-407380a7a63c854c to r-2369ac195b7cdbab\n\nRelease failed",
    'Revert "Tune the ranking"\n\nThis reverts commit 0de63d6.',
    "Merge pull request #12 from example-org/turnout/revert-python-docs-r-407380a7a63c854c",
    "Merge pull request #12 from example-org/patch-1\n\nRevert python-docs from r-4 to r-2",
)


@pytest.fixture(scope="module")
def config():
    return data_of(ROOT / "argocd/notifications")


def data_of(folder):
    (found,) = yaml.safe_load_all(rendered(folder))
    assert (found["metadata"]["name"], found["metadata"]["namespace"]) == ("argocd-notifications-cm", "argocd")
    return found["data"]


def application(health, *, sync="Synced", phase="Succeeded", labels=None):
    """An Application as Argo CD 3.5 writes it: no health of single resources."""
    status = {"health": {"status": health}, "sync": {"status": sync, "revision": COMMIT}}
    if phase:
        status["operationState"] = {"phase": phase, "syncResult": {"revision": COMMIT}}
    template = yaml.safe_load((ROOT / "argocd/clusters.yaml").read_text())["spec"]["template"]
    return {
        "metadata": {"labels": template["metadata"]["labels"] if labels is None else labels},
        "spec": {
            "source": {"repoURL": "https://github.com/example-org/turnout.git"},
            "destination": {"name": "staging-1"},
        },
        "status": status,
    }


def told(config, app, message="Tune the ranking"):
    """What the chat gets about one Application, by event."""
    runs = [
        {"trigger": f"on-turnout-{event}", "kind": "app", "vars": {"app": app}, "commits": {COMMIT: message}}
        for event in EVENTS
    ]
    with inbox() as (url, received):
        sent = send(config, {"chat-url": url}, runs)
    assert [each.errors for each in sent] == [[]] * len(EVENTS)
    assert all(each.once_per == [COMMIT] * len(each.fired) for each in sent)
    fired = [event for event, each in zip(EVENTS, sent, strict=True) if each.to]
    return {event: each.body["text"] for event, each in zip(fired, received, strict=True)}


@pytest.mark.parametrize(
    ("health", "event", "word"),
    [
        ("Progressing", "started", "started"),
        ("Suspended", "paused", "paused"),
        ("Degraded", "aborted", "degraded"),
        ("Healthy", "promoted", "promoted"),
    ],
)
def test_each_health_is_one_message_with_cluster_and_commit(config, health, event, word):
    found = told(config, application(health))
    assert list(found) == [event]
    assert found[event].startswith(
        f"*staging-1: {word}.* Commit https://github.com/example-org/turnout/commit/{COMMIT}"
    )


def test_what_a_person_must_do_links_the_runbook(config):
    runbook = "https://github.com/example-org/turnout/blob/main/RUNBOOK.md"
    assert told(config, application("Suspended"))["paused"].endswith(f"{runbook}#verdictinconclusive")
    assert told(config, application("Degraded"))["aborted"].endswith(f"{runbook}#rolloutaborted")


@pytest.mark.parametrize("message", REVERTS)
def test_a_commit_that_takes_a_change_back_is_told_as_a_revert(config, message):
    assert list(told(config, application("Progressing"), message)) == ["started", "reverted"]


@pytest.mark.parametrize(
    "message", ["Reverting is easy", "Explain how to Revert", "Merge pull request #1 from a/b\n\nTune"]
)
def test_a_commit_that_only_speaks_of_reverts_is_not(config, message):
    assert "reverted" not in told(config, application("Healthy"), message)


@pytest.mark.parametrize(
    "app",
    [
        application("Healthy", sync="OutOfSync"),
        application("Degraded", phase="Running"),
        application("Healthy", phase=None),
        application("Missing"),
        application("Degraded", labels={"app.kubernetes.io/part-of": "something-else"}),
    ],
)
def test_nothing_is_told_in_the_middle_of_a_sync_or_of_another_application(config, app):
    assert told(config, app, REVERTS[0] if app["status"]["health"]["status"] == "Healthy" else "Tune") == {}


def test_an_unknown_commit_silences_nothing_but_the_revert(config):
    app = application("Healthy")
    runs = [{"trigger": f"on-turnout-{event}", "kind": "app", "vars": {"app": app}} for event in EVENTS]
    with inbox() as (url, received):
        send(config, {"chat-url": url}, runs)
    assert len(received) == 1


class GitHub(BaseHTTPRequestHandler):
    """As much of GitHub as a comment by an App needs: a token, the pull requests of a commit, a comment."""

    seen: list[tuple[str, str]]

    def do_GET(self):
        self._answer([{"number": 12}] if self.path.startswith("/api/v3/repos/example-org/turnout/commits") else [])

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}") or {}
        self.seen.append((self.path, body.get("body", "")))
        self._answer({"token": "short-lived", "expires_at": "2099-01-01T00:00:00Z"})

    def _answer(self, value):
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def commented(config, app):
    """The comments on pull request 12 about an Application in each trigger."""
    handler = type("Handler", (GitHub,), {"seen": []})
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    runs = [
        {"trigger": f"on-turnout-{event}", "kind": "app", "vars": {"app": app}, "commits": {COMMIT: "Tune"}}
        for event in EVENTS
    ]
    with listening(handler) as github, inbox() as (chat, _):
        own = {**config, "service.github": config["service.github"] + f"enterpriseBaseURL: {github}\n"}
        secret = {
            "chat-url": chat,
            "github-app-id": "1",
            "github-installation-id": "2",
            "github-private-key": key.decode(),
        }
        sent = send(own, secret, runs)
    assert [each.errors for each in sent] == [[]] * len(EVENTS)
    return [body for path, body in handler.seen if path.endswith("/issues/12/comments")]


@pytest.fixture(scope="module")
def with_comments(tmp_path_factory):
    folder = tmp_path_factory.mktemp("argocd")
    place = os.path.relpath(ROOT / "argocd/notifications", folder)
    (folder / "kustomization.yaml").write_text(
        json.dumps({"resources": [place], "components": [f"{place}/pull-request"]})
    )
    return data_of(folder)


def test_the_pull_request_of_a_commit_hears_how_it_ended_but_not_that_it_began(with_comments):
    (comment,) = commented(with_comments, application("Degraded"))
    assert comment.startswith(f"**Degraded** in staging-1 at {COMMIT}")
    assert commented(with_comments, application("Progressing")) == []


def test_a_github_app_without_its_key_silences_the_chat_too_so_it_is_a_component_of_its_own(config, with_comments):
    assert "service.github" not in config
    with pytest.raises(RuntimeError, match="github-app-id"):
        send(with_comments, {"chat-url": "http://127.0.0.1:1"}, [])


def test_every_trigger_has_a_subscriber(config):
    (everyone,) = yaml.safe_load(config["subscriptions"])
    assert {f"trigger.{name}" for name in everyone["triggers"]} == {key for key in config if key.startswith("trigger.")}
    assert {f"on-turnout-{event}" for event in EVENTS} == set(everyone["triggers"])
