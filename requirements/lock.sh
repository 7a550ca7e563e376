#!/usr/bin/env bash
# Pin the dependencies of pyproject.toml, with hashes and without index lines. Needs uv on PATH.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
  uv pip compile pyproject.toml --group dev --extra prepare --extra check --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet "$@"
}
compile --excludes requirements/excluded.txt -o requirements/base.lock
compile --extra torch --excludes requirements/excluded-torch.txt -c requirements/base.lock -o requirements/torch.lock
