"""Files and programs that come as Go modules: CRDs at a pinned version, kustomize. `go` checks their sums."""

import json
import os
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

ARGO_CD = "github.com/argoproj/argo-cd/v3@v3.5.7"
ARGO_ROLLOUTS = "github.com/argoproj/argo-rollouts@v1.10.1"
ECK = "github.com/elastic/cloud-on-k8s/v3@v3.5.0"
EXTERNAL_SECRETS = "github.com/external-secrets/external-secrets@v1.3.2"
GATEWAY_API = "sigs.k8s.io/gateway-api@v1.4.0"
POLICY_CONTROLLER = "github.com/sigstore/policy-controller@v0.13.0"
PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.85.0"


@cache
def module_folder(module: str) -> Path:
    """Where Go keeps the source of `module` (path@version); downloaded the first time.

    Raises:
        RuntimeError: there is no Go, or the module can't be downloaded. Not one of turnout's own errors: the tests of
            infra/ use this, too, and know nothing of turnout.
    """
    command = ["go", "mod", "download", "-json", module]
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent)
    except OSError as problem:
        raise RuntimeError("Go can't be started: install Go 1.26 or newer") from problem
    answer = json.loads(done.stdout or "{}")
    if done.returncode or "Dir" not in answer:
        said = answer.get("Error") or done.stderr.strip()
        raise RuntimeError(f"{module} can't be downloaded, see whether the Go module proxy can be reached: {said}")
    return Path(answer["Dir"])


@cache
def kustomize() -> Path:
    """The kustomize that the e2e pins; built the first time (half a minute)."""
    program = ROOT / "build/e2e/bin/kustomize"
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        new = program.with_name(f"kustomize.{os.getpid()}")
        build = ["go", "build", "-o", str(new), "sigs.k8s.io/kustomize/kustomize/v5"]
        subprocess.run(build, check=True, cwd=ROOT / "tests/e2e/tools/kustomize")
        new.rename(program)
    return program


def rendered(folder: Path) -> str:
    """What `kustomize build` prints for `folder`."""
    if not (folder / "kustomization.yaml").exists():
        raise FileNotFoundError(folder / "kustomization.yaml")
    command = [str(kustomize()), "build", str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"kustomize build {folder}: {done.stderr}")
    return done.stdout
