"""The gate's steps as this machine can do them: on its files, its models and an Elasticsearch. Made by `check`."""

from __future__ import annotations

import os
from collections.abc import Collection

from turnout.cli.applying import query_set
from turnout.cli.artifacts import check_collection, check_policy, read_files, today
from turnout.cli.checking import Asked, Progress
from turnout.cli.load import Source, serving, workload
from turnout.cli.settings import Settings
from turnout.cost import Provider, refusals, simulate
from turnout.elastic import node
from turnout.errors import TurnoutError
from turnout.gate.scope import Scope
from turnout.gate.steps import Costed, Steps
from turnout.git import read_file
from turnout.ingest.documents import utc_now
from turnout.plan import Backfill, Plan, assumed, make_plan
from turnout.plan.refusals import lift
from turnout.rehearsal.result import Rehearsal
from turnout.release.artifacts import Policy, Release
from turnout.release.checking import artifact_file
from turnout.release.policy import POLICY_FILE, read_policy, stricter
from turnout.release.sample import SAMPLE, Sample, parse_sample

SEED = 20260101


def make_steps(settings: Settings, scope: Scope, progress: Progress, asked: Asked) -> Steps:
    """All steps. Nothing is started before it is needed."""
    here = _Here(settings, scope, progress, asked)
    return Steps(
        validate=lambda collection: check_collection(settings.root, collection),
        plan=here.plan,
        cost=here.cost,
        rehearse=here.rehearse,
        listen=progress,
        crashed=progress.crashed,
        policy=here.policy,
    )


def held_against(settings: Settings, scope: Scope) -> Policy:
    """The stricter of the base's policy and the working tree's, so that no change loosens what it is judged by."""
    before, _ = read_policy(read_file(settings.root, scope.base_commit, POLICY_FILE), today=today())
    try:
        now, _ = check_policy(settings.root)
    except TurnoutError:  # a finding already, and as strict as it gets
        now = Policy()
    return stricter(before, now)


class _Here:
    """What the steps share."""

    def __init__(self, settings: Settings, scope: Scope, progress: Progress, asked: Asked) -> None:
        self._settings, self._progress = settings, progress
        self._processes = len(os.sched_getaffinity(0)) if asked.processes is None else asked.processes
        self._metrics_urls = asked.metrics_urls
        self._server: str | None = None
        self._source: Source | None = None
        self.policy = held_against(settings, scope)

    def plan(self, base: Release | None, head: Release, overrides: Collection[str]) -> Plan:
        """For any cluster on which the base is live: the same plan on every machine."""
        return make_plan(base, head, assumed(base), overrides=overrides, policy=self.policy)

    def cost(self, base: Release | None, head: Release, plan: Plan, overrides: Collection[str]) -> Costed:
        """Simulate, and hold the result against the budget."""
        embeds = any(isinstance(stage, Backfill) and stage.mode == "embed" for stage in plan.stages)
        given = bool(os.environ.get(node.URL_VARIABLE))
        load = workload(self._settings, head, self._documents(head), embeds=embeds, given=given)
        if self._metrics_urls:
            load = serving(self._metrics_urls).or_else(load)
        cost = simulate(base, head, backfill=embeds, workload=load, provider=Provider(), seed=SEED)
        refused, lifted = lift(refusals(cost, head), overrides)
        return Costed(cost, refused, lifted)

    def rehearse(self, base: Release | None, head: Release) -> Rehearsal:
        """Both releases side by side on the server of this run."""
        from turnout import rehearsal  # loads the runtimes of models
        from turnout.cli.rehearsing import listener

        settings = self._settings
        return rehearsal.rehearse(
            base,
            head,
            rehearsal.Settings(
                url=self._url(),
                prefix=settings.prefix,
                models=settings.models,
                documents=self._documents(head),
                sample=self._sample(head),
                query_set=query_set(settings, head),
                processes=self._processes,
                now=utc_now,
                listen=listener(self._progress),
                api_key=settings.write_key,
                ca=settings.ca,
                embedding_key=settings.embedding_key,
            ),
        )

    def _documents(self, head: Release) -> Source:
        """Read once for cost and rehearsal, if it isn't too large to keep."""
        if self._source is None or self._source.release.id != head.id:
            self._source = Source(self._settings.root, head)
        return self._source

    def _sample(self, head: Release) -> Sample | None:
        listed = head.evaluation.sample if head.evaluation else None
        if not listed:
            return None
        path = artifact_file(head.collection, f"evaluation/{SAMPLE}")
        data = read_files(self._settings.root, head.collection).get(path, b"")
        return parse_sample(data, expected=listed, where=path)

    def _url(self) -> str:
        """The Elasticsearch that the user named, else the local node, started if need be and left running.

        Raises:
            Unavailable: the server that was named doesn't answer.
            EnvironmentProblem: none was named and none can be started.
        """
        if self._server is None:
            build, given = self._settings.build, bool(os.environ.get(node.URL_VARIABLE))
            before = None if given else node.find(build, env=os.environ)
            found = node.ensure(build, env=os.environ, tell=self._progress.detail)
            if not given and found != before:
                how = "was started and is left running: `turnout elastic stop` ends it"
                self._progress.say(f"Elasticsearch {found.version} at {found.url} {how}")
            self._server = found.url
        return self._server
