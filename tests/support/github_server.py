"""A server that speaks the part of GitHub's REST API that proposals need, on a bare repository of this machine.

Real in what matters: trees, commits and branches are made by Git itself. Used by unit tests and the end-to-end stories.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_TOKEN = "token"


class NotThere(Exception):
    """404."""


class GitHubServer:
    """One repository, open to whoever has the token.

    Args:
        repository: a bare Git repository.
        owner_name: `owner/name`.
        token: what clients must send.
    """

    def __init__(self, repository: Path, owner_name: str, *, token: str = _TOKEN) -> None:
        self.repository, self.owner_name, self.token = repository, owner_name, token
        self.url = ""
        self.refuse: int | None = None
        self.requests: list[str] = []
        self._pulls: list[dict[str, Any]] = []
        self._http: ThreadingHTTPServer | None = None

    def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen in a thread."""
        handler = type("Handler", (_Handler,), {"server_of": self})
        self._http = ThreadingHTTPServer((host, port), handler)
        self.url = f"http://{host}:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        if self._http:
            self._http.shutdown()
            self._http.server_close()

    def pulls(self) -> list[dict[str, Any]]:
        """All pull requests, oldest first."""
        return [dict(pull) for pull in self._pulls]

    def merge(self, number: int) -> str:
        """Merge a pull request with a merge commit, as the button does; the new commit of its base."""
        pull = self._pulls[number - 1]
        base, head = (self._rev(f"refs/heads/{pull[side]['ref']}") for side in ("base", "head"))
        tree = self.git("merge-tree", "--write-tree", base, head).splitlines()[0]
        commit = self._commit(f"Merge pull request #{number}", tree, [base, head])
        self.git("update-ref", f"refs/heads/{pull['base']['ref']}", commit, base)
        pull["state"] = "closed"
        return commit

    def git(self, *args: str, stdin: bytes | None = None, env: dict[str, str] | None = None) -> str:
        """Run Git on the repository."""
        found = subprocess.run(
            ["git", "--git-dir", str(self.repository), *args],
            input=stdin,
            capture_output=True,
            env={**os.environ, "GIT_CONFIG_NOSYSTEM": "1", **(env or {})},
        )
        if found.returncode:
            raise NotThere(found.stderr.decode())
        return found.stdout.decode()

    # What the requests ask for. Each gives the JSON of the answer.

    def branch(self, name: str) -> dict[str, Any]:
        """GET branches/{name}."""
        return {"name": name, "commit": {"sha": self._rev(f"refs/heads/{name}"), "url": self._api("commits/x")}}

    def commits(self, sha: str, path: str) -> list[dict[str, Any]]:
        """GET commits?sha=&path=."""
        return [self.commit(each) for each in self.git("log", "--format=%H", sha, "--", path).split()]

    def commit(self, sha: str) -> dict[str, Any]:
        """GET commits/{sha}, files included."""
        sha = self._rev(sha)
        parents = self.git("log", "-1", "--format=%P", sha).split()
        listed = self.git("diff-tree", "-r", "-m", "--first-parent", "--root", "--no-commit-id", sha).splitlines()
        return {
            "sha": sha,
            "url": self._api(f"commits/{sha}"),
            "parents": [{"sha": parent, "url": self._api(f"commits/{parent}")} for parent in parents],
            "files": [_file(line) for line in listed],
        }

    def git_commit(self, sha: str) -> dict[str, Any]:
        """GET git/commits/{sha}."""
        sha = self._rev(sha)
        return {"sha": sha, "tree": {"sha": self._rev(f"{sha}^{{tree}}"), "url": self._api("git/trees/x")}}

    def contents(self, path: str, ref: str) -> Any:
        """GET contents/{path}?ref=: a file, or the list of a folder."""
        sha = self._rev(f"{ref}:{path}")
        if self.git("cat-file", "-t", sha).strip() == "tree":
            return [
                {"name": line.split("\t")[1], "path": f"{path}/{line.split(chr(9))[1]}", "sha": line.split()[2],
                 "type": "dir" if line.split()[1] == "tree" else "file"}
                for line in self.git("ls-tree", sha).splitlines()
            ]  # fmt: skip
        data = subprocess.check_output(["git", "--git-dir", str(self.repository), "cat-file", "blob", sha])
        encoded = base64.b64encode(data).decode()
        return {"path": path, "name": path, "sha": sha, "type": "file", "encoding": "base64", "content": encoded}

    def make_tree(self, asked: dict[str, Any]) -> dict[str, Any]:
        """POST git/trees."""
        with tempfile.TemporaryDirectory() as folder:
            env = {"GIT_INDEX_FILE": f"{folder}/index", "GIT_WORK_TREE": folder}
            if "base_tree" in asked:
                self.git("read-tree", asked["base_tree"], env=env)
            for entry in asked["tree"]:
                self._put(entry, env)
            return {"sha": self.git("write-tree", env=env).strip(), "url": self._api("git/trees/x"), "tree": []}

    def _put(self, entry: dict[str, Any], env: dict[str, str]) -> None:
        path, sha = entry["path"], entry.get("sha")
        if entry["type"] == "tree":
            self.git("rm", "-r", "--cached", "--quiet", "--ignore-unmatch", "--", path, env=env)
            self.git("read-tree", f"--prefix={path}/", str(sha), env=env)
        elif "content" in entry or sha is not None:
            if sha is None:
                sha = self.git("hash-object", "-w", "--stdin", stdin=entry["content"].encode()).strip()
            self.git("update-index", "--add", "--cacheinfo", f"{entry['mode']},{sha},{path}", env=env)
        else:
            self.git("update-index", "--force-remove", path, env=env)

    def make_commit(self, asked: dict[str, Any]) -> dict[str, Any]:
        """POST git/commits."""
        sha = self._commit(asked["message"], asked["tree"], asked["parents"])
        return self.git_commit(sha)

    def make_ref(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        """POST git/refs; None if it exists."""
        try:
            self._rev(asked["ref"])
        except NotThere:
            self.git("update-ref", asked["ref"], asked["sha"])
            return self.ref(asked["ref"].removeprefix("refs/"))
        return None

    def ref(self, name: str) -> dict[str, Any]:
        """GET git/ref/{name}."""
        sha = self._rev(f"refs/{name}")
        return {"ref": f"refs/{name}", "url": self._api(f"git/refs/{name}"), "object": {"sha": sha, "type": "commit"}}

    def move_ref(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        """PATCH git/refs/{name}."""
        self.git("update-ref", f"refs/{name}", asked["sha"])
        return self.ref(name)

    def make_pull(self, asked: dict[str, Any]) -> dict[str, Any]:
        """POST pulls."""
        number = len(self._pulls) + 1
        pull = {
            "number": number,
            "state": "open",
            "title": asked["title"],
            "body": asked["body"],
            "html_url": f"{self.url}/{self.owner_name}/pull/{number}",
            "url": self._api(f"pulls/{number}"),
            "head": {"ref": asked["head"], "sha": self._rev(f"refs/heads/{asked['head']}")},
            "base": {"ref": asked["base"]},
        }
        self._pulls.append(pull)
        return pull

    def _commit(self, message: str, tree: str, parents: list[str]) -> str:
        who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
               for what, value in (("NAME", "turnout"), ("EMAIL", "turnout@example.test"))}  # fmt: skip
        links = [word for parent in parents for word in ("-p", parent)]
        return self.git("commit-tree", tree, *links, "-F", "-", stdin=message.encode(), env=who).strip()

    def _rev(self, name: str) -> str:
        return self.git("rev-parse", "--verify", "--quiet", name).strip()

    def _api(self, path: str) -> str:
        return f"{self.url}/repos/{self.owner_name}/{path}"


def _file(line: str) -> dict[str, Any]:
    """One line of `git diff-tree`."""
    facts, path = line.split("\t", 1)
    _, _, before, after, status = facts.split()
    kind = {"A": "added", "D": "removed"}.get(status[0], "modified")
    return {"filename": path, "status": kind, "sha": before if kind == "removed" else after}


class _Handler(BaseHTTPRequestHandler):
    server_of: GitHubServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        self._answer("GET")

    def do_POST(self) -> None:
        """Answer."""
        self._answer("POST")

    def do_PATCH(self) -> None:
        """Answer."""
        self._answer("PATCH")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""

    def _answer(self, method: str) -> None:
        server = self.server_of
        length = int(self.headers.get("Content-Length") or 0)
        asked = json.loads(self.rfile.read(length) or b"{}")
        server.requests.append(f"{method} {self.path}")
        if server.refuse:
            return self._send(server.refuse, {"message": "refused"})
        if self.headers.get("Authorization") != f"token {server.token}":
            return self._send(401, {"message": "Bad credentials"})
        try:
            status, body = self._route(method, asked)
        except NotThere:
            status, body = 404, {"message": "Not Found"}
        return self._send(status, body)

    def _route(self, method: str, asked: dict[str, Any]) -> tuple[int, Any]:
        server, parts = self.server_of, urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        base = f"/repos/{server.owner_name}"
        if not parts.path.startswith(base):
            raise NotThere
        what, _, rest = unquote(parts.path.removeprefix(base)).lstrip("/").partition("/")
        match method, what:
            case "GET", "":
                return 200, {"full_name": server.owner_name, "name": server.owner_name.split("/")[1]}
            case "GET", "branches":
                return 200, server.branch(rest)
            case "GET", "commits":
                return 200, server.commit(rest) if rest else server.commits(query["sha"], query["path"])
            case "GET", "contents":
                return 200, server.contents(rest, query["ref"])
            case "GET", "pulls":
                return 200, [pull for pull in server.pulls() if pull["state"] == query.get("state", "open")]
            case "POST", "pulls":
                return 201, server.make_pull(asked)
            case _, "git":
                return self._route_git(method, rest, asked)
        raise NotThere

    def _route_git(self, method: str, rest: str, asked: dict[str, Any]) -> tuple[int, Any]:
        server = self.server_of
        what, _, name = rest.partition("/")
        match method, what:
            case "GET", "commits":
                return 200, server.git_commit(name)
            case "POST", "trees":
                return 201, server.make_tree(asked)
            case "POST", "commits":
                return 201, server.make_commit(asked)
            case "POST", "refs":
                made = server.make_ref(asked)
                return (201, made) if made else (422, {"message": "Reference already exists"})
            case "GET", "ref":
                return 200, server.ref(name)
            case "PATCH", "refs":
                return 200, server.move_ref(name, asked)
        raise NotThere

    def _send(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
