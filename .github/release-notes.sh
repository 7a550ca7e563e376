#!/usr/bin/env bash
# The changelog's section of a version, if tag, package and changelog name the same one. Called by workflows/image.yaml;
# by hand: .github/release-notes.sh v0.1.0
# Exit code 1 if they don't agree.
set -euo pipefail
cd "$(dirname "$0")/.."
tag=${1:?"name the tag, for example: .github/release-notes.sh v0.1.0"}
version=${tag#v}
package=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
if [ "$tag" != "v$package" ]; then
  echo "the tag is $tag, pyproject.toml says $package: change the version, then tag v$package" >&2
  exit 1
fi
notes=$(awk -v wanted="## $version" '$0 == wanted || index($0, wanted " ") == 1 {on = 1; next} /^## / {on = 0} on' CHANGELOG.md)
if [ -z "${notes//[[:space:]]/}" ]; then
  echo "CHANGELOG.md has no section '## $version': move what is under Unreleased there" >&2
  exit 1
fi
printf '%s\n' "$notes"
