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
# What the image holds, and what builds its wheel.
of_image() {
  uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
    --no-header --no-annotate --quiet -c requirements/base.lock "$@"
}
of_image pyproject.toml -o requirements/service.lock
echo hatchling | of_image - -o requirements/build.lock
# The image's second target: the same, and sentence-transformers.
uv pip compile pyproject.toml --extra torch --excludes requirements/excluded-torch.txt -c requirements/torch.lock \
  --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
  --no-header --no-annotate --quiet -o requirements/service-torch.lock
