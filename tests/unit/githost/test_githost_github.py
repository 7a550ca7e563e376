"""A failed release is taken back by one pull request, on a server that speaks GitHub's API over a real repository."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import yaml

from support.github_server import GitHubServer
from turnout.errors import BadInput, Refused, Unavailable
from turnout.githost import Revert
from turnout.githost.github import GitHubHost, connect
from turnout.release.artifacts import Quarantine

GOOD, BAD, WORSE = (f"r-{letter * 16}" for letter in "abc")
REVERT = Revert(
    collection="books",
    failed=BAD,
    stable=GOOD,
    by="AnalysisRun search-books-6d5f-2-1, metric error-ratio",
    reason="0.21 of the searches failed\n@everyone `x`",
    since="2026-11-20",
)


class Work:
    """A clone, to commit as people do."""

    def __init__(self, folder: Path) -> None:
        self.bare, self.tree = folder / "repo.git", folder / "work"
        self._git("init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))
        self._git("clone", "--quiet", str(self.bare), str(self.tree))

    def commit(self, files: dict[str, str | None]) -> None:
        """Write files (None deletes one), commit and push."""
        for name, text in files.items():
            path = self.tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True) if text is None else path.write_text(text)
        self._git("-C", str(self.tree), "add", "--all")
        self._git("-C", str(self.tree), "-c", "user.name=t", "-c", "user.email=t@example.test", "commit", "-qm", "x")
        self._git("-C", str(self.tree), "push", "--quiet", "origin", "HEAD:main")

    def read(self, commit: str, path: str) -> str | None:
        """A file in a commit."""
        found = subprocess.run(["git", "-C", str(self.bare), "show", f"{commit}:{path}"], capture_output=True)
        return None if found.returncode else found.stdout.decode()

    def _git(self, *args: str) -> None:
        subprocess.run(["git", *args], check=True, capture_output=True)


def release(name: str) -> str:
    return json.dumps({"id": name})


@pytest.fixture
def work(tmp_path: Path) -> Work:
    made = Work(tmp_path)
    made.commit({
        "pipelines/books/release.json": release(GOOD),
        "pipelines/books/model.yaml": "good",
        "schemas/books/mapping.json": "good",
        "manifests/kustomization.yaml": "image: 1",
        "README.md": "one",
    })  # fmt: skip
    made.commit({
        "pipelines/books/release.json": release(BAD),
        "pipelines/books/model.yaml": "bad",
        "pipelines/books/extra.yaml": "bad",
        "schemas/books/mapping.json": "bad",
        "manifests/kustomization.yaml": "image: 2",
        "manifests/new.yaml": "bad",
    })  # fmt: skip
    made.commit({"README.md": "two", "pipelines/other/release.json": release(WORSE)})
    return made


@pytest.fixture
def server(work: Work) -> Iterator[GitHubServer]:
    running = GitHubServer(work.bare, "acme/search")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def host(server: GitHubServer) -> GitHubHost:
    return connect(server.url, "acme/search", "main", "token", pause_s=0)


def test_a_proposal_puts_the_collection_and_its_manifests_back_and_leaves_everything_else(
    work: Work, server: GitHubServer, host: GitHubHost
) -> None:
    assert host.propose(REVERT) == f"{server.url}/acme/search/pull/1"
    merged = server.merge(1)
    restored = {
        "pipelines/books/release.json": release(GOOD),
        "pipelines/books/model.yaml": "good",
        "pipelines/books/extra.yaml": None,
        "schemas/books/mapping.json": "good",
        "manifests/kustomization.yaml": "image: 1",
        "manifests/new.yaml": None,
        "README.md": "two",
        "pipelines/other/release.json": release(WORSE),
    }
    assert {path: work.read(merged, path) for path in restored} == restored


def test_the_failed_release_is_noted_in_quarantine_yaml_beside_earlier_ones(
    work: Work, server: GitHubServer, host: GitHubHost
) -> None:
    earlier = {"release": WORSE, "reason": "slow", "since": "2026-11-01"}
    body = {"apiVersion": "turnout/v1", "kind": "Quarantine", "releases": [earlier]}
    work.commit({"pipelines/books/quarantine.yaml": yaml.safe_dump(body)})
    host.propose(REVERT)
    written = work.read(server.merge(1), "pipelines/books/quarantine.yaml")
    entries = msgspec.convert(yaml.safe_load(written or ""), Quarantine).releases
    assert [entry.release for entry in entries] == [WORSE, BAD]
    assert "error-ratio" in entries[1].reason


def test_the_pull_request_names_the_analysis_and_repeats_its_finding_as_plain_text(
    server: GitHubServer, host: GitHubHost
) -> None:
    host.propose(REVERT)
    (pull,) = server.pulls()
    assert pull["title"] == f"Revert books from {BAD} to {GOOD}"
    assert "metric error-ratio" in pull["body"]
    assert "    @everyone `x`" in pull["body"]


def test_proposing_again_finds_the_open_pull_request(server: GitHubServer, host: GitHubHost) -> None:
    assert host.propose(REVERT) == host.propose(REVERT)
    assert len(server.pulls()) == 1


def test_a_branch_that_an_interrupted_try_left_behind_is_used(
    work: Work, server: GitHubServer, host: GitHubHost
) -> None:
    server.git("update-ref", f"refs/heads/turnout/revert-books-{BAD}", "refs/heads/main")
    host.propose(REVERT)
    assert work.read(server.merge(1), "pipelines/books/model.yaml") == "good"


def test_nothing_is_proposed_once_the_branch_holds_another_release(
    work: Work, server: GitHubServer, host: GitHubHost
) -> None:
    work.commit({"pipelines/books/release.json": release(WORSE)})
    assert host.propose(REVERT) is None
    assert not server.pulls()


def test_all_commits_since_the_stable_release_are_taken_back(
    work: Work, server: GitHubServer, host: GitHubHost
) -> None:
    work.commit({"pipelines/books/release.json": release(WORSE), "pipelines/books/model.yaml": "worse"})
    host.propose(msgspec.structs.replace(REVERT, failed=WORSE))
    assert work.read(server.merge(1), "pipelines/books/model.yaml") == "good"


def test_a_branch_that_began_before_the_stable_release_is_not_gone_back_to_where_it_began(
    work: Work, server: GitHubServer, host: GitHubHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def at(hour: int) -> None:
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"2030-01-01T0{hour}:00:00Z")

    older, newer, merged = (f"r-{letter * 16}" for letter in "def")
    at(1)
    work.commit({"pipelines/books/release.json": release(older), "pipelines/books/model.yaml": "older"})
    at(2)
    work.commit({"pipelines/books/release.json": release(newer), "pipelines/books/model.yaml": "newer"})
    main = server.git("rev-parse", "main").strip()
    at(3)
    work._git("-C", str(work.tree), "checkout", "--quiet", "HEAD~1")
    branch = {"pipelines/books/release.json": release(BAD), "pipelines/books/model.yaml": "bad"}
    for name, text in branch.items():
        (work.tree / name).write_text(text)
    work._git("-C", str(work.tree), "-c", "user.name=t", "-c", "user.email=t@example.test", "commit", "-qam", "x")
    at(4)
    work._git("-C", str(work.tree), "checkout", "--quiet", "-B", "main", main)
    merge = ("merge", "--quiet", "--no-commit", "-s", "ours", "HEAD@{1}")
    work._git("-C", str(work.tree), *merge)
    work.commit({"pipelines/books/release.json": release(merged), "pipelines/books/model.yaml": "merged"})
    host.propose(msgspec.structs.replace(REVERT, failed=merged, stable=newer))
    assert work.read(server.merge(1), "pipelines/books/model.yaml") == "newer"


def test_a_manifest_that_somebody_changed_since_is_left_and_named(
    work: Work, server: GitHubServer, host: GitHubHost
) -> None:
    work.commit({"manifests/kustomization.yaml": "image: 3"})
    host.propose(REVERT)
    assert "- manifests/kustomization.yaml" in server.pulls()[0]["body"]
    assert work.read(server.merge(1), "manifests/kustomization.yaml") == "image: 3"


def test_a_stable_release_that_history_does_not_know_is_refused_and_nothing_is_pushed(
    server: GitHubServer, host: GitHubHost
) -> None:
    with pytest.raises(Refused, match="not among the last"):
        host.propose(msgspec.structs.replace(REVERT, stable=WORSE))
    assert not server.pulls()
    assert not [asked for asked in server.requests if not asked.startswith("GET")]


def test_a_host_whose_answers_do_not_agree_is_refused_and_nothing_is_pushed(
    work: Work, server: GitHubServer, host: GitHubHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    oldest = server.git("rev-list", "--max-parents=0", "main").strip()
    monkeypatch.setattr(server, "commits", lambda sha, path: [server.commit(oldest)])
    with pytest.raises(Refused):
        host.propose(REVERT)
    assert not server.pulls()


@pytest.mark.parametrize(("status", "kind"), [(503, Unavailable), (429, Unavailable), (422, Refused)])
def test_the_hosts_errors_say_whether_to_try_again(
    server: GitHubServer, host: GitHubHost, status: int, kind: type[Exception]
) -> None:
    server.refuse = status
    with pytest.raises(kind):
        host.propose(REVERT)


def test_a_wrong_token_is_refused_and_a_host_that_is_away_is_unavailable(server: GitHubServer) -> None:
    with pytest.raises(Refused, match="401"):
        connect(server.url, "acme/search", "main", "other").propose(REVERT)
    with pytest.raises(Unavailable):
        connect("http://127.0.0.1:1", "acme/search", "main", "token").propose(REVERT)


@pytest.mark.parametrize("address", ["http://api.example.com", "ftp://127.0.0.1", "http://8.8.8.8"])
def test_the_token_never_travels_in_the_open(address: str) -> None:
    with pytest.raises(BadInput, match="in the open"):
        connect(address, "acme/search", "main", "token")
