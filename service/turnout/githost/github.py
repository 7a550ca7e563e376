"""GitHub (and every server that speaks its REST API) as a Git host. Made by `turnout controller`.

The token needs `contents: write` and `pull requests: write` on one repository, nothing else. It goes to `api_url` only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import requests
from github import Auth, Github, GithubException, InputGitTreeElement
from github.Branch import Branch
from github.Repository import Repository
from urllib3.util.retry import Retry

from turnout.errors import BadInput, Refused, Unavailable
from turnout.githost.history import Undo, find_undo
from turnout.githost.proposal import Revert
from turnout.githost.words import branch_of, message, quarantine_file, title

_TIMEOUT_S: Final = 10
_FILE = "100644"


class GitHubHost:
    """One repository and the branch that the cluster follows."""

    def __init__(self, client: Github, repository: str, branch: str) -> None:
        self._client = client
        self._name = repository
        self._branch = branch

    def propose(self, revert: Revert) -> str | None:
        """See `GitHost.propose`."""
        with _answering(self._name):
            repository = self._client.get_repo(self._name)
            name = branch_of(revert)
            open_already = self._open_pull(repository, name)
            if open_already is not None:
                return open_already
            head = repository.get_branch(self._branch)
            undo = find_undo(repository, revert, head.commit.sha)
            if undo is None:
                return None
            _push(repository, name, revert, undo, head)
            body = message(revert, undo)
            pull = repository.create_pull(base=self._branch, head=name, title=title(revert), body=body)
            return str(pull.html_url)

    def _open_pull(self, repository: Repository, branch: str) -> str | None:
        owner = self._name.split("/")[0]
        pulls = repository.get_pulls(state="open", base=self._branch, head=f"{owner}:{branch}")
        return next((str(pull.html_url) for pull in pulls if pull.head.ref == branch), None)


def connect(api_url: str, repository: str, branch: str, token: str, *, pause_s: float = 1.0) -> GitHubHost:
    """The host of one repository; asks nothing of it yet.

    Args:
        api_url: for GitHub itself `https://api.github.com`.
        repository: `owner/name`.
        branch: the branch that pull requests go to.
        pause_s: seconds between two writes, as GitHub asks of its clients.

    Raises:
        BadInput: the address isn't https. Plain http is for test servers on loopback and private addresses.
    """
    parts = urlsplit(api_url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_near(parts.hostname or "")):
        raise BadInput("the token would travel in the open", where="the Git host's address", remedy="use https")
    if repository.count("/") != 1:
        raise BadInput(f"{repository!r} is no repository", remedy="write it as owner/name")
    retry = Retry(total=2, backoff_factor=0.5, status_forcelist=(500, 502, 503, 504), allowed_methods=("GET",))
    client = Github(
        base_url=api_url.rstrip("/"),
        auth=Auth.Token(token),
        timeout=_TIMEOUT_S,
        retry=retry,
        user_agent="turnout",
        seconds_between_requests=None,
        seconds_between_writes=pause_s,
    )
    return GitHubHost(client, repository, branch)


def _is_near(host: str) -> bool:
    try:
        return ip_address(host).is_private
    except ValueError:
        return host == "localhost"


def _push(repository: Repository, name: str, revert: Revert, undo: Undo, head: Branch) -> None:
    """The commit on top of the branch, and the branch that names it. A branch left by an earlier try is moved."""
    parent = repository.get_git_commit(head.commit.sha)
    restored = repository.create_git_tree(_elements(undo), base_tree=parent.tree)
    quarantine = InputGitTreeElement(
        path=f"pipelines/{revert.collection}/quarantine.yaml",
        mode=_FILE,
        type="blob",
        content=quarantine_file(revert, undo.quarantine),
    )
    tree = repository.create_git_tree([quarantine], base_tree=restored)
    commit = repository.create_git_commit(f"{title(revert)}\n\n{message(revert, undo)}", tree, [parent])
    try:
        repository.create_git_ref(f"refs/heads/{name}", commit.sha)
    except GithubException as error:
        if error.status != 422:
            raise
        repository.get_git_ref(f"heads/{name}").edit(commit.sha, force=True)


def _elements(undo: Undo) -> list[InputGitTreeElement]:
    """What changes in the tree: whole folders of the collection, and single files of the manifests."""
    folders = [InputGitTreeElement(path=path, mode="040000", type="tree", sha=sha) for path, sha in undo.folders]
    files = [InputGitTreeElement(path=path, mode=_FILE, type="blob", sha=sha) for path, sha in undo.files]
    return [*folders, *files]


@contextmanager
def _answering(repository: str) -> Iterator[None]:
    """GitHub's errors as ours. What a server writes into an error isn't repeated."""
    try:
        yield
    except GithubException as error:
        if error.status in (403, 429) or error.status >= 500:
            raise Unavailable(
                f"the Git host answers {error.status}",
                where=repository,
                remedy="it is asked again",
            ) from error
        raise Refused(
            f"the Git host answers {error.status}",
            where=repository,
            remedy="see whether the token may write contents and pull requests of this repository",
        ) from error
    except requests.RequestException as error:
        raise Unavailable("the Git host can't be reached", where=repository, remedy="it is asked again") from error
