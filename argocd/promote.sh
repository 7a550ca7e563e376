#!/usr/bin/env bash
# Moves the branch `production` forward to the commit that is synced and healthy in staging. Run by a person, or by a
# pipeline that may push the branch and read Applications: argocd/promote.sh [staging Application] [production branch]
# Exit: 0 moved or already there, 1 staging isn't healthy or the move isn't a fast-forward, 3 no answer from the cluster.
set -euo pipefail
application=${1:-turnout-staging-1}
branch=${2:-production}
remote=${TURNOUT_REMOTE:-origin}

template='{.status.sync.status} {.status.health.status} {.status.operationState.phase} {.status.sync.revision}'
state=$(kubectl --namespace argocd get application "$application" --output "jsonpath=$template") || exit 3
read -r sync health operation revision <<<"$state"

if [ "$sync/$health/$operation" != Synced/Healthy/Succeeded ]; then
  echo "$application is $sync, $health, its last sync $operation: $branch stays where it is" >&2
  exit 1
fi
if ! [[ $revision =~ ^[0-9a-f]{40}$ ]]; then
  echo "$application names no commit but '$revision': $branch stays where it is" >&2
  exit 1
fi
git fetch --quiet "$remote"
# Never forced: a branch that left main's history is for a person to look at.
git push "$remote" "$revision:refs/heads/$branch" || exit 1
echo "$branch is at $revision, healthy in staging"
