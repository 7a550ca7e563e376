"""Tells Prometheus which pods to scrape: ``python -m e2e.cluster.discovery KUBECONFIG TARGETS``.

Debian builds Prometheus without its own discovery for Kubernetes. Started by `Cluster`, never by hand.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from kubernetes import client, config

PERIOD_S = 1.0


def targets(pods: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The file_sd entries of the pods that run, ask for it by annotation and aren't on their way out.

    `pods` are objects as the API server sends them.
    """
    found = []
    for pod in pods:
        meta, status = pod["metadata"], pod.get("status", {})
        notes, labels = meta.get("annotations") or {}, meta.get("labels") or {}
        address, port = status.get("podIP"), notes.get("prometheus.io/port")
        wanted = notes.get("prometheus.io/scrape") == "true" and port and not meta.get("deletionTimestamp")
        if not wanted or not address or status.get("phase") != "Running":
            continue
        own = {"namespace": meta["namespace"], "pod": meta["name"]}
        if collection := labels.get("turnout.dev/collection"):
            own["collection"] = collection
        found.append({"targets": [f"{address}:{port}"], "labels": own})
    return sorted(found, key=lambda entry: str(entry["targets"]))


def watch(kubeconfig: str, path: Path) -> None:
    """Write the targets whenever they change, for ever. An API server that is away changes nothing."""
    config.load_kube_config(kubeconfig)  # type: ignore[no-untyped-call]
    core: Any = client.CoreV1Api()
    last = ""
    while True:
        try:
            # The answer as it was sent: typed objects would cost more than the request.
            answer = core.list_pod_for_all_namespaces(
                resource_version="0", _preload_content=False, _request_timeout=5
            ).data
            text = json.dumps(targets(json.loads(answer)["items"]))
        except Exception as problem:
            print(type(problem).__name__, file=sys.stderr, flush=True)
        else:
            if text != last:
                path.with_suffix(".new").write_text(text)
                path.with_suffix(".new").rename(path)
                last = text
        time.sleep(PERIOD_S)


if __name__ == "__main__":
    watch(sys.argv[1], Path(sys.argv[2]))
