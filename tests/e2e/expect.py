"""What must follow from a commit or a breakage, as waits with a bound. Called by the stories and by the run.

Each raises `Late` with what was seen instead, or at once where it can't come any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from e2e import rolling
from e2e.accounting import answers
from e2e.kube import ApiDown, core, group
from e2e.repository import Commit
from e2e.rolling import Rolling
from e2e.waiting import Late, until, until_told
from e2e.world import World
from support.workspace import COLLECTION
from turnout.controller.flips import Waiting
from turnout.elastic.state import Quarantine, ReleaseRecord
from turnout.elastic.views import View
from turnout.errors import TurnoutError
from turnout.kube.objects import VIEW
from turnout.verify.parity import parity

PROMOTION_S = 180.0
PARITY_PATIENCE_S = 60.0
CATCH_UP_S = 10.0


def look(world: World) -> Rolling:
    """The Rollout; waits for it while there is none or the API server is away."""

    def found() -> Rolling | None:
        try:
            return rolling.look(world.kube)
        except ApiDown:
            return None

    return until("there is a Rollout", found, seconds=120)


def promoted(world: World, commit: Commit, *, seconds: float = PROMOTION_S) -> float:
    """Wait until a commit's release is stable, healthy and behind the alias; seconds since it was pushed."""
    until_told(f"{commit.sha[:12]} is promoted", lambda: _missing(world, commit), seconds=seconds)
    world.good = commit
    return round(time.monotonic() - commit.at, 1)


def _missing(world: World, commit: Commit) -> str:
    """What a commit lacks to be promoted; empty if nothing."""
    assert commit.release is not None
    try:
        unsynced = world.argo.is_synced(commit.sha)
        seen = rolling.look(world.kube)
    except ApiDown as error:
        return f"the API server is away: {error}"
    if unsynced or seen is None:
        return unsynced or "there is no Rollout"
    asked = world.mounted.release_id(seen.config_map)
    if not seen.settled or asked != commit.release.id:
        return f"the Rollout asks for {asked}: {seen.told()}"
    if seen.aborted:
        raise Late(f"{commit.release.id} was aborted: {seen.message}")
    if "Inconclusive" in seen.message:
        raise Late(f"{commit.release.id} is paused for good: {seen.message}")
    if seen.stable != seen.current or seen.phase != "Healthy":
        return seen.told()
    return alias_elsewhere(world)


def alias_elsewhere(world: World) -> str:
    """Why the alias isn't exactly at the stable release's view; empty if it is."""
    seen = rolling.look(world.kube)
    if seen is None:
        return "there is no Rollout"
    stable = seen.set_of(seen.stable)
    release = world.repository.releases.get(world.mounted.release_id(stable.config_map)) if stable else None
    if release is None:
        return f"no stable release: {seen.told()}"
    try:
        targets = world.reader.alias_targets(world.names.alias)
        views = world.reader.views(world.names)
    except TurnoutError as error:
        return str(error)
    serving = {view.index for view in views if release.fingerprints.index in view.meta.index_fingerprints}
    if len(targets) == 1 and targets <= serving:
        return ""
    return f"the alias is at {sorted(targets)}, {release.id} is served by {sorted(serving)}"


def stage(
    world: World, commit: Commit, reached: Callable[[Rolling], bool], what: str, *, seconds: float = 90
) -> Rolling:
    """Wait until a commit's rollout has come as far as `reached` says."""
    assert commit.release is not None

    def look_again() -> Rolling | None:
        seen = look(world)
        is_ours = seen.settled and world.mounted.release_id(seen.config_map) == commit.release.id  # type: ignore[union-attr]
        if is_ours and seen.aborted:
            raise Late(f"aborted before {what}: {seen.message}")
        return seen if is_ours and reached(seen) else None

    return until(what, look_again, seconds=seconds)


def has_canary(seen: Rolling) -> bool:
    """Whether a canary takes requests."""
    return seen.canary is not None and seen.canary.ready > 0


def aborted(world: World, commit: Commit, *, seconds: float = 120) -> Rolling:
    """Wait until a commit's rollout is aborted and all pods are those of the stable ReplicaSet."""

    def look_again() -> Rolling | None:
        seen = look(world)
        is_ours = seen.settled and world.argo.is_synced(commit.sha) == ""
        if is_ours and seen.phase == "Healthy" and seen.stable == seen.current:
            raise Late(f"{commit.sha[:12]} was promoted instead of stopped")
        canary = seen.canary
        return seen if is_ours and seen.aborted and (canary is None or canary.ready == 0) else None

    return until(f"{commit.sha[:12]} is aborted", look_again, seconds=seconds)


def quarantined(world: World, release_id: str, *, seconds: float = 30) -> Quarantine:
    """Wait until a release is in quarantine and the pull request that reverts it is there."""

    def look_again() -> Quarantine | None:
        found = world.reader.state(world.names, f"quarantine:{COLLECTION}:{release_id}")
        return found if isinstance(found, Quarantine) and found.proposal else None

    return until(f"{release_id} is in quarantine and its revert is proposed", look_again, seconds=seconds)


def proposal(world: World, release_id: str) -> dict[str, Any]:
    """The open pull request that reverts a release."""
    found = [pull for pull in world.github.pulls() if pull["state"] == "open" and release_id in pull["head"]["ref"]]
    assert len(found) == 1, f"{len(found)} open pull requests revert {release_id}"
    return found[0]


def merged(world: World, release_id: str) -> tuple[Commit, float]:
    """Merge the proposed revert; the commit, and seconds until only the stable ReplicaSet is left, without a canary."""
    before = look(world)
    world.github.merge(int(proposal(world, release_id)["number"]))
    commit = world.synced(world.repository.pull())
    seconds = promoted(world, commit, seconds=60)
    after = look(world)
    assert after.stable == before.stable, f"another ReplicaSet is stable now: {after.told()}"
    new = {each.hash for each in after.sets} - {each.hash for each in before.sets}
    assert not new, f"the revert made new ReplicaSets: {new}"
    return commit, seconds


def off_traffic(world: World, commit: Commit) -> dict[str, Any]:
    """When the canary of a commit first and last answered, and how much of that Argo's looks took.

    `seconds_from_fault` is from its first answer to its last. `intervals` counts the looks of the analysis that failed.
    """
    assert commit.release is not None
    seen = look(world)
    times = answers(world.seen(commit.at), commit.release.id, since=commit.at)
    failed = [run for run in rolling.analysis_runs(world.kube, seen.current) if run["status"].get("phase") == "Failed"]
    assert failed, "no AnalysisRun failed"
    looks = [result for result in failed[-1]["status"]["metricResults"] if result["phase"] == "Failed"]
    return {
        "answers": len(times),
        "seconds_from_fault": round(times[-1] - times[0], 1) if times else 0.0,
        "intervals": max((len(result.get("measurements", [])) for result in looks), default=0),
        "failed_metric": ", ".join(result["name"] for result in looks),
    }


def state(world: World, release_id: str) -> ReleaseRecord | None:
    """How far Elasticsearch says that a release has come."""
    found = world.reader.state(world.names, f"release:{COLLECTION}:{release_id}")
    return found if isinstance(found, ReleaseRecord) else None


def told(world: World, *, problem: str, words: Sequence[str], since: float, seconds: float = 30) -> str:
    """Wait until the reason is in the status, in an event and in a metric; the sentence.

    Args:
        problem: the fixed word of it, as the metric has it.
        words: that the sentence must hold.
    """
    reason = "".join(part.capitalize() for part in problem.split("-"))

    def lacks() -> str:
        missing = []
        if not world.witness.problem_since(since, words):
            missing.append("the status")
        events = world.kube.items(core("events"), fieldSelector=f"reason={reason}")
        if not any(all(word in event["message"] for word in words) for event in events):
            missing.append("the events")
        if not world.prometheus(f'max_over_time(turnout_controller_problem{{problem="{problem}"}}[2m]) == 1'):
            missing.append("the metrics")
        return f"{problem} isn't in {', '.join(missing)}" if missing else ""

    until_told(f"{problem} is told", lacks, seconds=seconds)
    return world.witness.problem_since(since, words)


def live_views(world: World) -> list[View]:
    """The alias's view and every other that a follower keeps up to date."""
    followers = world.kube.items(group("apps/v1", "deployments"), labelSelector="app.kubernetes.io/component=follow")
    followed = {
        str(each["metadata"].get("annotations", {}).get(VIEW, ""))
        for each in followers
        if each.get("status", {}).get("readyReplicas") and not each["metadata"].get("deletionTimestamp")
    }
    wanted = followed | world.reader.alias_targets(world.names.alias)
    return [view for view in world.reader.views(world.names) if view.index in wanted]


def settled(world: World, *, seconds: float = 90) -> dict[str, Any]:
    """Wait for a healthy world: every pod of stable ready, the alias at its view, and parity of each live view."""

    def lacks() -> str:
        seen = look(world)
        stable = seen.set_of(seen.stable)
        if seen.phase != "Healthy" or seen.stable != seen.current or stable is None:
            return seen.told()
        if stable.ready < seen.replicas or any(each.pods for each in seen.sets if each is not stable):
            return seen.told()
        return alias_elsewhere(world)

    until_told("the world is healthy", lacks, seconds=seconds)
    equal: list[View] = []

    def unequal() -> str:
        # Looked up each time: a follower that nobody needs any more is stopped a moment after a promotion.
        equal[:] = live_views(world)
        wrong = {view.index: verdict for view in equal if (verdict := _parity(world, view)) != "pass"}
        return f"parity: {wrong}" if wrong else "" if equal else "no view is live"

    until_told("each live view is equal to documents", unequal, seconds=PARITY_PATIENCE_S)
    return {"views_at_parity": len(equal)}


def _parity(world: World, view: View) -> str:
    """The verdict of parity, with its reason if it doesn't pass."""
    # The load goes on writing meanwhile, as users do.
    catch_up = Waiting(world.reader, world.names, view.index, check=lambda: None, patience_s=CATCH_UP_S)
    try:
        check = parity(world.reader, world.names, view, catch_up=catch_up)
    except TurnoutError as error:
        return str(error)
    return check.verdict if check.verdict == "pass" else f"{check.verdict}: {check.reason}"
