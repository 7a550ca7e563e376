"""Changes that are good and get through: under load, without a lost write, the alias behind them."""

from __future__ import annotations

from e2e import expect, judging, rolling, telling
from e2e.kube import group
from e2e.stories import changes
from e2e.stories.story import Figures, Story
from e2e.waiting import Late, until, until_told
from e2e.world import World
from turnout.kube.objects import COMPONENT, RELEASE

FAST_S = 45.0
"""A revert inside the rollback window takes no analysis: pods start, and that is all."""


def bootstrap(world: World) -> Figures:
    """The first sync. The load begins when there is something to search."""
    world.argo.set_up()
    commit = world.synced(world.first)
    seconds = expect.promoted(world, commit, seconds=300)
    until("the Service answers", world.answers, seconds=60)
    world.start_load()
    return {"seconds_to_promote": seconds}


def model_change(world: World) -> Figures:
    """256 to 384 dims: another view, filled while the old one serves."""
    before, stable = world.reader.alias_targets(world.names.alias), expect.look(world).stable
    commit = world.commit("Change the model: all-MiniLM-L6-v2, 384 dims", changes.model_384(world))
    assert commit.release is not None
    assert commit.release.model.dims == 384
    seconds = expect.promoted(world, commit, seconds=300)
    after = world.reader.alias_targets(world.names.alias)
    assert after.isdisjoint(before), f"the alias stayed at {sorted(before)}"
    record = expect.state(world, commit.release.id)
    assert record is not None
    checks = {check["name"]: check["verdict"] for check in record.report["checks"]}
    for event in ("started", "promoted"):
        telling.told(world, event)
    judged = judging.passed(world, commit, stable=stable, canary=expect.look(world).stable)
    return {"seconds_to_promote": seconds, "checks": checks, **judged}


def revert_after_promotion(world: World) -> Figures:
    """Back to the former ReplicaSet: its view was followed all the time."""
    assert world.good is not None
    if world.good.sha in (world.first.sha, world.restored):
        query_only(world)  # there has to be a change to take back
    before = expect.look(world)
    runs_before = {
        str(run["metadata"]["name"]) for each in before.sets for run in rolling.analysis_runs(world.kube, each.hash)
    }
    commit = world.synced(world.repository.revert(world.good))
    seconds = expect.promoted(world, commit, seconds=120)
    after = expect.look(world)
    assert after.stable in {each.hash for each in before.sets}, f"a new ReplicaSet: {after.told()}"
    runs = {str(run["metadata"]["name"]) for run in rolling.analysis_runs(world.kube, after.stable)} - runs_before
    assert not runs, f"it was analysed again: {sorted(runs)}"
    telling.told(world, "reverted", "promoted")  # the second where the former pods were gone already
    return {"seconds_to_promote": seconds, "bound": FAST_S, "within_bound": seconds <= FAST_S}


def query_only(world: World) -> Figures:
    """A canary over the very same view."""
    views, targets = set(world.witness.views), world.reader.alias_targets(world.names.alias)
    stable = expect.look(world).stable
    commit = world.commit("Tune the ranking", changes.tuned())
    assert commit.release is not None
    seconds = expect.promoted(world, commit)
    assert world.reader.alias_targets(world.names.alias) == targets, "the alias moved"
    assert set(world.witness.views) == views, "a view was made"
    fills = jobs(world, commit.release.id, "fill")
    assert not fills, f"documents were moved: {fills}"
    judged = judging.passed(world, commit, stable=stable, canary=expect.look(world).stable)
    return {"seconds_to_promote": seconds, "documents_moved": 0, "fill_jobs": len(fills), **judged}


def two_commits(world: World) -> Figures:
    """The second comes while the first is being filled."""
    first = world.commit("Change the model and the passages", changes.rechunked(world))
    assert first.release is not None
    first_id = first.release.id
    until("the first one's jobs run", lambda: jobs(world, first_id), seconds=60, poll=0.25)
    second = world.commit("Rather keep the model, and tune the ranking", changes.back_and_tuned(world))
    seconds = expect.promoted(world, second, seconds=240)

    def left() -> str:
        found = jobs(world, first_id)
        return f"left: {found}" if found else ""

    until_told("the first one's jobs are gone", left, seconds=30)
    record = expect.state(world, first_id)
    if record is not None and record.state in ("live", "former"):
        raise Late(f"{first_id} became {record.state}")
    answered = [event for event in world.seen(first.at) if event.release == first_id]
    assert not answered, f"{len(answered)} searches were answered by the superseded release"
    return {"seconds_to_promote": seconds, "seconds_between": round(second.at - first.at, 1)}


def jobs(world: World, release_id: str, component: str = "") -> list[str]:
    """The names of the Jobs for a release."""
    labels = f"{RELEASE}={release_id}" + (f",{COMPONENT}={component}" if component else "")
    found = world.kube.items(group("batch/v1", "jobs"), labelSelector=labels)
    return [str(each["metadata"]["name"]) for each in found if not each["metadata"].get("deletionTimestamp")]


BOOTSTRAP = Story(
    "bootstrap",
    "an empty cluster with Argo CD, and documents in Elasticsearch",
    "Argo CD is pointed at argocd/",
    "the first release is built, verified and served, and the alias is at its view",
    bootstrap,
    counted=False,
)
MODEL_CHANGE = Story(
    "model-change",
    "a release with a static model of 256 dims under load",
    "a commit changes the model to one of 384 dims",
    "its view is filled and verified, the canary passes, the alias follows, and no request notices",
    model_change,
)
REVERT = Story(
    "revert-after-promotion",
    "a release that was promoted a moment ago",
    "its commit is reverted",
    "the former ReplicaSet and its view serve again at once, without a canary, with every write since",
    revert_after_promotion,
)
QUERY_ONLY = Story(
    "query-only",
    "a release under load",
    "a commit changes how results are ranked",
    "it is promoted over the same view and no document moves",
    query_only,
)
TWO_COMMITS = Story(
    "two-commits",
    "a release under load",
    "a commit that needs every document embedded again is followed by another one seconds later",
    "only the last matters: it is promoted, and the first one's jobs are gone",
    two_commits,
)
