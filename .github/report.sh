#!/usr/bin/env bash
# What a change to schemas/ and pipelines/ means, as files under build/check. Called by workflows/check.yaml, and by hand:
#   .github/report.sh origin/main
# `turnout check --base REF` takes its place when it is there: it writes the same files and ends in the same way.
# Exit code: 0 nothing against the change, 1 findings or a refusal, 3 the base can't be read.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 3
turnout=${TURNOUT:-.venv/bin/turnout}
out=${OUT:-build/check}
base=${1:?"name the base, for example: .github/report.sh origin/main"}
worst=0

if ! git rev-parse --quiet --verify --end-of-options "$base^{commit}" >/dev/null; then
  echo "the base $base is not in this clone: fetch it, and not shallowly" >&2
  exit 3
fi
if ! common=$(git merge-base "$base" HEAD); then
  echo "$base and HEAD have nothing in common: is the clone shallow?" >&2
  exit 3
fi

note() { # a worse exit code wins
  if [ "$1" -gt "$worst" ]; then worst=$1; fi
}

fenced() { # each of its lines begins with a place or an indent, so nothing from the change closes the fence
  printf '\n`````````\n'
  cat
  printf '\n`````````\n'
}

mkdir -p "$out"
"$turnout" validate --format sarif >"$out/findings.sarif"
"$turnout" validate --format github # annotations, in the log; a fork's pull request shows them too
{
  echo '<!-- turnout-check -->'
  echo '# turnout: what this change does'
  echo
  echo '## validate'
  "$turnout" validate 2>&1 | fenced
  note "${PIPESTATUS[0]}"
} >"$out/report.md"

changed=$(git diff --name-only --no-renames "$common" HEAD -- schemas pipelines | cut -d/ -f2 -s | sort -u)
known=$(for ref in "$common" HEAD; do git ls-tree -d --name-only "$ref" schemas/ pipelines/; done |
  cut -d/ -f2 | grep -vx definitions | sort -u)
planned=0
for collection in $(comm -12 <(echo "$changed") <(echo "$known")); do
  planned=$((planned + 1))
  {
    echo
    if ! git cat-file -e "HEAD:pipelines/$collection" 2>/dev/null; then
      echo "## $collection is deleted"
      echo
      echo 'Its views stay on the cluster until somebody takes them away. Nothing here has judged that.'
      note 1
      continue
    fi
    if text=$("$turnout" plan "$collection" --base "$common" --format markdown 2>"$out/plan.err"); then
      code=0
    else
      code=$?
    fi
    note "$code"
    if [ -n "$text" ]; then echo "$text"; else echo "## $collection"; fi
    if [ -s "$out/plan.err" ]; then fenced <"$out/plan.err"; fi
  } >>"$out/report.md"
done
rm -f "$out/plan.err"
if [ "$planned" = 0 ]; then printf '\nNo collection changes.\n' >>"$out/report.md"; fi

# A comment holds 65,536 characters.
if [ "$(wc -c <"$out/report.md")" -gt 60000 ]; then
  head -c 59000 "$out/report.md" | iconv -c -f utf-8 -t utf-8 >"$out/short.md"
  printf '\n`````````\n\n**Cut here:** the whole report is in the artifact.\n' >>"$out/short.md"
  mv "$out/report.md" "$out/whole.md"
  mv "$out/short.md" "$out/report.md"
fi
exit "$worst"
