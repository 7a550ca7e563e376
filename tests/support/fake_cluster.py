"""An API server and the controller's half of Elasticsearch as dictionaries. For unit tests only.

`FakeApi` knows as much of Kubernetes as turnout uses: names, labels, versions, server-side apply without its merging.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from support.loopback import listening
from turnout.elastic.names import Names
from turnout.elastic.reader import Shards, StoredRecord
from turnout.elastic.state import ENVIRONMENT_KEY, AnyRecord, Environment, Record
from turnout.elastic.writer import Conflict as StateConflict
from turnout.errors import Unavailable
from turnout.kube.api import Conflict, NotFound
from turnout.release.artifacts import Release
from turnout.release.fingerprint import encode

NAMESPACE = "turnout"
GROUPS = {
    "rollouts": "/apis/argoproj.io/v1alpha1",
    "analysisruns": "/apis/argoproj.io/v1alpha1",
    "replicasets": "/apis/apps/v1",
    "deployments": "/apis/apps/v1",
    "jobs": "/apis/batch/v1",
    "leases": "/apis/coordination.k8s.io/v1",
    "configmaps": "/api/v1",
    "podtemplates": "/api/v1",
    "pods": "/api/v1",
    "events": "/api/v1",
}
PATH = re.compile(r"(.*)/namespaces/([^/]+)/([a-z]+)(?:/([^/]+))?")
BORN = "2026-01-01T00:00:00Z"


class FakeApi:
    """One namespace. `calls` are (method, kind, name); `down` makes every call fail as an outage does."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.calls: list[tuple[str, str, str]] = []
        self.down = False
        self._version = 0

    def put(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        """An object as somebody else wrote it."""
        body = deepcopy(body)
        meta = body["metadata"]
        meta |= {"resourceVersion": self._next(), "namespace": NAMESPACE}
        meta.setdefault("uid", f"uid-{meta['name']}")
        meta.setdefault("creationTimestamp", BORN)
        meta.setdefault("generation", 1)
        self.objects[kind, meta["name"]] = body
        return body

    def names(self, kind: str) -> list[str]:
        """The names of all objects of a kind."""
        return sorted(name for of, name in self.objects if of == kind)

    def written(self) -> list[tuple[str, str, str]]:
        """The calls that wrote, without leases and events."""
        return [call for call in self.calls if call[0] != "GET" and call[1] not in ("leases", "events")]

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """See `turnout.kube.api.Api.call`."""
        found = PATH.fullmatch(path)
        assert found is not None, path
        folder, namespace, kind, name = found.groups()
        assert (folder, namespace) == (GROUPS[kind], NAMESPACE), path
        if self.down:
            raise Unavailable("the Kubernetes API can't be reached: refused", where="https://fake")
        self.calls.append((method, kind, name or (body or {}).get("metadata", {}).get("name", "")))
        answer = self._answer(method, kind, name, dict(query or {}), body)
        if headers and "PartialObjectMetadata" in headers.get("Accept", ""):
            answer = {"items": [{"metadata": each["metadata"]} for each in answer["items"]]}
        return json.dumps(answer).encode()

    def _answer(self, method: str, kind: str, name: str | None, query: dict[str, str], body: Any) -> dict[str, Any]:
        if method == "GET" and name is None:
            items = [each for (of, _), each in sorted(self.objects.items()) if of == kind]
            return {"items": [each for each in items if _matches(each, query.get("labelSelector", ""))]}
        key = (kind, name or body["metadata"]["name"])
        if method == "POST":
            if key in self.objects:
                raise Conflict(f"{key} already exists")
            return self.put(kind, body)
        if method == "PATCH":
            before = self.objects.get(key, {"metadata": {"generation": 0}})
            generation = before["metadata"]["generation"] + 1
            return self.put(kind, {**body, "metadata": {**body["metadata"], "generation": generation}})
        if key not in self.objects:
            raise NotFound(f"{key} not found")
        return self._of_one(method, key, body)

    def _of_one(self, method: str, key: tuple[str, str], body: Any) -> dict[str, Any]:
        stored = self.objects[key]
        if method == "PUT":
            if body["metadata"]["resourceVersion"] != stored["metadata"]["resourceVersion"]:
                raise Conflict("the object has been modified")
            return self.put(key[0], body)
        if method == "DELETE":
            wanted = (body or {}).get("preconditions", {})
            if any(stored["metadata"][field] != value for field, value in wanted.items()):
                raise Conflict("the precondition doesn't hold")
            del self.objects[key]
        return stored

    def _next(self) -> str:
        self._version += 1
        return str(self._version)


def _matches(body: dict[str, Any], selector: str) -> bool:
    labels = body["metadata"].get("labels", {})
    for term in re.findall(r"[^,(]+(?:\([^)]*\))?", selector):
        if " in " in term:
            key, _, values = term.partition(" in ")
            if labels.get(key) not in values.strip("()").split(","):
                return False
        elif "=" in term:
            key, _, value = term.partition("=")
            if labels.get(key) != value:
                return False
        elif term not in labels:
            return False
    return True


class FakeMemory:
    """Records and the alias, as reader and writer in one. Views have to be put in."""

    def __init__(self, *, shards: int = 2) -> None:
        self.records: dict[str, AnyRecord] = {}
        self.views_: tuple[Any, ...] = ()
        self.targets: frozenset[str] = frozenset()
        self.number = shards
        self.writes = 0
        self.down = False

    def _up(self) -> None:
        if self.down:
            raise Unavailable("Elasticsearch can't be reached: refused")

    def states(self, names: Names, kind: type[Record]) -> tuple[Any, ...]:
        self._up()
        found = [each for each in self.records.values() if isinstance(each, kind)]
        return tuple(sorted(found, key=lambda record: record.at))

    def state(self, names: Names, key: str) -> AnyRecord | None:
        self._up()
        return self.records.get(key)

    def environment(self, names: Names) -> str:
        record = self.state(names, ENVIRONMENT_KEY)
        return record.name if isinstance(record, Environment) else ""

    def state_versioned(self, names: Names, key: str) -> StoredRecord | None:
        record = self.state(names, key)
        return None if record is None else StoredRecord(record, 0, 0)

    def shards(self, index: str) -> Shards | None:
        self._up()
        return Shards("here", dict.fromkeys(range(self.number), -1)) if self.number else None

    def store_bytes(self, index: str) -> int | None:
        self._up()
        return 1000

    def count(self, index: str, query: Any = None) -> int:
        self._up()
        return 7

    def index_uuid(self, index: str) -> str | None:
        self._up()
        return index

    def views(self, names: Names) -> tuple[Any, ...]:
        self._up()
        return self.views_

    def alias_targets(self, alias: str) -> frozenset[str]:
        self._up()
        return self.targets

    def ensure_state_index(self, names: Names) -> None:
        self._up()

    def put_state(self, names: Names, record: AnyRecord, *, expect: Any = None, create: bool = False) -> None:
        self._up()
        if create and record.key in self.records:
            raise StateConflict(record.key)
        self.records[record.key] = record
        self.writes += 1


def labels(component: str, collection: str = "toys", **more: str) -> dict[str, str]:
    return {"app.kubernetes.io/component": component, "turnout.dev/collection": collection, **more}


def owner(name: str, kind: str = "Rollout") -> dict[str, Any]:
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "name": name, "uid": f"uid-{name}", "controller": True}


def release_map(name: str, release: Release | str, *, collection: str = "toys") -> dict[str, Any]:
    """A release ConfigMap as Argo CD applies it; text is written as it is."""
    text = release if isinstance(release, str) else encode(release).decode()
    data = {"release.json": text, "queries.jsonl": "", "qrels.tsv": ""}
    return {"metadata": {"name": name, "labels": labels("release", collection)}, "data": data}


def pod_template(config_map: str, *, image: str = "turnout:1") -> dict[str, Any]:
    """The pod template of a search Rollout, as manifests/ make it."""
    items = [{"key": key, "path": key} for key in ("release.json", "queries.jsonl", "qrels.tsv")]
    return {
        "metadata": {"labels": labels("search")},
        "spec": {
            "automountServiceAccountToken": False,
            "initContainers": [
                {
                    "name": "models",
                    "image": "turnout-models:1",
                    "command": ["cp", "-r", "/models/.", "/to"],
                    "volumeMounts": [{"name": "models", "mountPath": "/to"}],
                }
            ],
            "containers": [
                {
                    "name": "search",
                    "image": image,
                    "args": ["serve", "--release", "/release/release.json"],
                    "envFrom": [{"configMapRef": {"name": "turnout-settings"}}],
                    "env": [
                        {"name": "TURNOUT_MODELS", "value": "/models"},
                        {
                            "name": "POD_TEMPLATE_HASH",
                            "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['rollouts-pod-template-hash']"}},
                        },
                        {
                            "name": "TURNOUT_ELASTICSEARCH_READ_API_KEY",
                            "valueFrom": {"secretKeyRef": {"name": "turnout-elasticsearch-read", "key": "api-key"}},
                        },
                    ],
                    "volumeMounts": [
                        {"name": "release", "mountPath": "/release", "readOnly": True},
                        {"name": "models", "mountPath": "/models", "readOnly": True},
                        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  (in the pod)
                    ],
                }
            ],
            "volumes": [
                {"name": "release", "configMap": {"name": config_map, "items": items}},
                {"name": "models", "emptyDir": {}},
                {"name": "tmp", "emptyDir": {}},
            ],
        },
    }


def replica_set(
    hash_: str, number: int, config_map: str, *, rollout: str = "search-toys", minute: int | None = None, ready: int = 0
) -> dict[str, Any]:
    """A ReplicaSet as Argo Rollouts makes it. `minute` is when; by default revisions are made in their order."""
    made = number if minute is None else minute
    return {
        "metadata": {
            "name": f"{rollout}-{hash_}",
            "labels": labels("search") | {"rollouts-pod-template-hash": hash_},
            "annotations": {"rollout.argoproj.io/revision": str(number)},
            "creationTimestamp": f"2026-01-01T00:{made:02}:00Z",
            "ownerReferences": [owner(rollout)],
        },
        "spec": {"replicas": ready, "template": pod_template(config_map)},
        "status": {"replicas": ready, "readyReplicas": ready} if ready else {"replicas": 0},
    }


def rollout(
    stable: str, current: str, config_map: str, *, name: str = "search-toys", collection: str = "toys", **status: Any
) -> dict[str, Any]:
    """A Rollout as Argo has written its status."""
    return {
        "metadata": {"name": name, "labels": labels("search", collection), "generation": 4},
        "spec": {"replicas": 4, "rollbackWindow": {"revisions": 2}, "template": pod_template(config_map)},
        "status": {
            "phase": "Progressing",
            "message": "more replicas need to be updated",
            "stableRS": stable,
            "currentPodHash": current,
            "observedGeneration": "4",
            "canary": {},
            **status,
        },
    }


def analysis_run(
    name: str, hash_: str, phase: str = "Running", *, at: str = BORN, rollout: str = "search-toys", **status: Any
) -> dict[str, Any]:
    """An AnalysisRun that judges the pods with a hash."""
    return {
        "metadata": {
            "name": name,
            "labels": {"rollouts-pod-template-hash": hash_},
            "creationTimestamp": at,
            "ownerReferences": [owner(rollout)],
        },
        "status": {"phase": phase, **status},
    }


def search_pod(name: str, hash_: str, ip: str, *, ready: bool = True) -> dict[str, Any]:
    """A pod of a ReplicaSet."""
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {
        "metadata": {"name": name, "labels": labels("search") | {"rollouts-pod-template-hash": hash_}},
        "status": {"podIP": ip, "conditions": conditions},
    }


def pattern(**annotations: str) -> dict[str, Any]:
    """The operator's PodTemplate."""
    secret = {"secretKeyRef": {"name": "turnout-elasticsearch-write", "key": "api-key"}}
    return {
        "metadata": {"name": "turnout-worker", "annotations": annotations},
        "template": {
            "spec": {
                "serviceAccountName": "turnout-worker",
                "containers": [
                    {
                        "name": "worker",
                        "image": "none",
                        "env": [{"name": "TURNOUT_ELASTICSEARCH_WRITE_API_KEY", "valueFrom": secret}],
                        "resources": {"limits": {"memory": "1Gi"}},
                    }
                ],
            }
        },
    }


def write_kubeconfig(folder: Path, url: str) -> Path:
    """A file as kubectl has it, for the server at `url`."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": {"server": url}}],
        "users": [{"name": "x", "user": {"token": "t"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config))
    return path


@contextmanager
def served(api: FakeApi) -> Iterator[str]:
    """The same over HTTP, on loopback; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            parts = urlsplit(self.path)
            text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            query = dict(parse_qsl(parts.query))
            status = 200
            try:
                with lock:
                    body = api.call(
                        self.command,
                        parts.path,
                        query=query,
                        body=json.loads(text) if text else None,
                        headers=dict(self.headers),
                    )
            except (NotFound, Conflict, Unavailable) as error:
                status = {NotFound: 404, Conflict: 409, Unavailable: 503}[type(error)]
                body = json.dumps({"kind": "Status", "message": str(error)}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815  (the library's names)

    lock = threading.Lock()
    with listening(Handler) as url:
        yield url
