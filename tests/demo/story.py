"""The story, act by act: what an engineer would do, in the order in which they would do it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo import edits, scraped
from demo.accounting import Account, settle
from demo.canary import Canary
from demo.processes import Service
from demo.report import write_report
from demo.sampling import Witness
from demo.stage import Stage, offline
from demo.summary import Outcome, broken, show, summarize, write
from demo.traffic import Load, Router
from support.workspace import COLLECTION
from turnout.elastic import node
from turnout.elastic.state import ReleaseRecord
from turnout.elastic.views import View
from turnout.embedding import prepare
from turnout.errors import Refused
from turnout.evaluation import parse_query_set
from turnout.follow import lag
from turnout.release.artifacts import Model, Release
from turnout.release.fingerprint import decode

SETTLE_SECONDS = 60


class Story:
    """One performance. A context manager: whatever happens, everything that was started is stopped."""

    def __init__(self, source: Path, build: Path) -> None:
        self._source, self._build = source, build
        self._outcome = Outcome()
        self._queries: list[str] = []
        self._began = time.monotonic()

    def __enter__(self) -> Story:
        offline()
        with self._act("elasticsearch"):
            url = node.ensure(self._build, env=os.environ, port=0, tell=print).url
        with self._act("prometheus"):
            self._outcome.canary_left_out = scraped.missing(self._build)
        self._stage = Stage(self._source, self._build, url)
        return self

    def __exit__(self, *_: object) -> None:
        self._stage.close()

    def play(self) -> int:
        """All acts; the exit code."""
        self._stage.clear()
        static = self._models()
        self._ingest()
        service_a, release_a = self._first_release(static)
        load, witness = self._start_load(service_a, release_a)
        service_b, release_b = self._change(load)
        self._bad_releases(load, release_b)
        self._back_and_forward(load, (service_a, release_a), (service_b, release_b))
        account = self._settle(load, witness)
        self._canary()
        return self._end(load, witness, account)

    @contextmanager
    def _act(self, name: str, title: str = "") -> Iterator[None]:
        if title:
            self._stage.console.rule(f"[bold]{title}", align="left")
        began = time.monotonic()
        yield
        self._outcome.seconds[name] = self._outcome.seconds.get(name, 0.0) + time.monotonic() - began

    def _mark(self, load: Load, text: str) -> None:
        self._outcome.marks.append((load.seconds(), text))

    def _release(self) -> Release:
        return decode((self._stage.workspace.pipelines / "release.json").read_bytes())

    def _view_of(self, release: Release) -> View:
        serving = [
            v
            for v in self._stage.reader.views(self._stage.names)
            if release.fingerprints.index in v.meta.index_fingerprints
        ]
        return serving[-1]

    def _models(self) -> Model:
        with self._act("models", "Models: all-MiniLM-L6-v2 from its package, a static 256-dim one distilled from it"):
            teacher = prepare.prepare(prepare.minilm_source(), self._stage.models)
            return prepare.model_of(prepare.distil_static(teacher, self._stage.models, dims=edits.STATIC_DIMS))

    def _ingest(self) -> None:
        with self._act("ingest", "Documents: the documentation strings of this Python's standard library"):
            self._stage.workspace.turnout("lock", COLLECTION)
            self._stage.workspace.turnout("ingest", COLLECTION)

    def _first_release(self, static: Model) -> tuple[Service, Release]:
        workspace = self._stage.workspace
        with self._act("release_a", "Release A: the static model"):
            edits.release_a(workspace, static)
            for verb in ("lock", "validate", "plan", "apply"):
                workspace.turnout(verb, COLLECTION)
            workspace.commit("Release A: static model, 256 dims")
            release = self._release()
            self._outcome.views.append(self._view_of(release).index)
            self._stage.follow("a", self._view_of(release).index)
            service = self._stage.serve("a")
            service.wait_ready()
        return service, release

    def _start_load(self, service: Service, release: Release) -> tuple[Load, Witness]:
        stage = self._stage
        folder = self._stage.workspace.pipelines / "evaluation"
        query_set = parse_query_set((folder / "queries.jsonl").read_bytes(), (folder / "qrels.tsv").read_bytes())
        self._queries = [query.text for query in query_set.queries]
        judged = {document for grades in query_set.qrels.values() for document in grades}
        alias_body = {"query": {"match": {"body": "file"}}, "size": 3, "_source": False}

        def read_alias() -> int:
            answer = stage.client.search(index=stage.names.alias, body=alias_body, allow_partial_search_results=False)
            return len(answer["hits"]["hits"])

        corpus = [hit.source["source_id"] for hit in stage.reader.scan(stage.names.documents, sort="id")]
        router = Router()
        router.point(service.url, release=release.id, view=self._view_of(release).index)
        load = Load(
            router=router,
            queries=self._queries,
            alias_search=read_alias,
            documents=stage.documents,
            corpus=[key for key in corpus if key not in judged],
        )
        witness = Witness(stage.reader, stage.names, load.seconds)
        load.start()
        stage.later(load.stop)
        witness.start()
        self._router = router
        time.sleep(10)  # a quiet stretch to compare the busy one with
        return load, witness

    def _change(self, load: Load) -> tuple[Service, Release]:
        workspace = self._stage.workspace
        with self._act("change_to_b", "The change to release B, under load"):
            edits.release_b(workspace, self._source)
            for stage in (("lock",), ("validate",), ("plan", "--confirm")):
                with self._act(stage[0]):
                    workspace.turnout(stage[0], COLLECTION, *stage[1:])
            workspace.commit("Release B: all-MiniLM-L6-v2, 384 dims")
            self._mark(load, "apply B")
            events = self._stage.folder / "apply-b.jsonl"
            workspace.turnout("apply", COLLECTION, "--events", str(events))
            self._mark(load, "alias on B")
            self._outcome.seconds |= _stage_seconds(events)
            release = self._release()
            self._outcome.quality = self._quality_of(release)
            service = self._switch(load, "b", release)
        return service, release

    def _switch(self, load: Load, name: str, release: Release) -> Service:
        view = self._view_of(release).index
        self._outcome.views.append(view)
        self._stage.follow(name, view)
        service = self._stage.serve(name)
        service.wait_ready()
        self._router.point(service.url, release=release.id, view=view)
        self._mark(load, f"traffic on {name.upper()}")
        return service

    def _quality_of(self, release: Release) -> dict[str, object]:
        records = self._stage.reader.states(self._stage.names, ReleaseRecord)
        record = next(r for r in records if r.release_id == release.id)
        check = next(check for check in record.report["checks"] if check["name"] == "quality")
        evidence: dict[str, object] = check["evidence"]
        return evidence

    def _bad_releases(self, load: Load, good: Release) -> None:
        workspace = self._stage.workspace
        with self._act("bad_dims", "Bad release 1: dims that contradict the mapping"):
            edits.wrong_dims(workspace)
            workspace.turnout("validate", COLLECTION, expect=1)
            workspace.git("checkout", "--quiet", ".")
            self._outcome.refused["dims"] = "validate"
        with self._act("bad_pooling", "Bad release 2: pooling changed in the model's own files after the lock"):
            self._outcome.refused["pooling"] = self._pooling(good)
        with self._act("bad_chunks", "Bad release 3: a chunk setting that loses most of the text"):
            self._mark(load, "bad chunks")
            edits.lost_text(workspace)
            workspace.turnout("lock", COLLECTION)
            workspace.turnout("validate", COLLECTION)
            workspace.turnout("apply", COLLECTION, expect=1)
            self._outcome.refused["chunks"] = self._failed_check()
            workspace.git("checkout", "--quiet", ".")

    def _pooling(self, good: Release) -> str:
        tampered = self._stage.folder / "models-tampered"
        edits.changed_pooling(self._stage.models, tampered, good.model.digests.weights)
        self._stage.workspace.turnout("validate", COLLECTION)
        view = self._view_of(good).index
        env = {"TURNOUT_MODELS": str(tampered)}
        self._stage.workspace.turnout("follow", COLLECTION, "--view", view, "--once", expect=1, env=env)
        service = self._stage.serve("tampered", models=tampered)
        said = service.wait_refused()
        service.stop()
        self._stage.console.print(f"the service with these files says: {said}", soft_wrap=True, markup=False)
        if "attestation" not in said:
            raise Refused("the service was not refused by attestation", where=said)
        return "attestation"

    def _failed_check(self) -> str:
        release = self._release()
        records = self._stage.reader.states(self._stage.names, ReleaseRecord)
        record = next(r for r in records if r.release_id == release.id)
        failed = [check["name"] for check in record.report["checks"] if check["verdict"] == "fail"]
        if record.state != "failed" or failed != ["quality"]:
            raise Refused(f"release {release.id} is {record.state}, failed checks: {failed}")
        return "verify: quality"

    def _back_and_forward(self, load: Load, a: tuple[Service, Release], b: tuple[Service, Release]) -> None:
        workspace = self._stage.workspace
        with self._act("revert", "Back to release A"):
            self._mark(load, "revert to A")
            workspace.turnout("revert", COLLECTION)
            self._point(a)
        time.sleep(5)
        with self._act("forward", "Forward again to release B"):
            self._mark(load, "forward to B")
            workspace.git("revert", "--no-edit", "HEAD")
            workspace.turnout("apply", COLLECTION)
            self._point(b)
        self._stage.workspace.turnout("status", COLLECTION)
        while load.searches.sent < 1000 and load.searches.failed == 0:
            time.sleep(1)

    def _point(self, to: tuple[Service, Release]) -> None:
        service, release = to
        self._router.point(service.url, release=release.id, view=self._view_of(release).index)

    def _settle(self, load: Load, witness: Witness) -> Account:
        load.stop()
        views = [self._router.views[release] for release in self._router.views]
        self._wait_caught_up(views)
        witness.stop()
        return settle(self._stage.reader, views, load.writes)

    def _canary(self) -> None:
        with self._act("canary", "A canary: release C gets a share of the searches, and the judge decides"):
            if self._outcome.canary_left_out:
                why = f"left out, there is no Prometheus: {self._outcome.canary_left_out}"
                self._stage.console.print(why, style="yellow", soft_wrap=True, markup=False)
                return
            with Canary(self._stage, self._build, self._queries) as act:
                self._outcome.canary = act.play()

    def _end(self, load: Load, witness: Witness, account: Account) -> int:
        stage = self._stage
        self._outcome.seconds["total"] = time.monotonic() - self._began
        summary = summarize(self._outcome, load, account)
        write(summary, stage.folder / "summary.json")
        report = write_report(stage.folder / "report.html", summary, self._outcome, load, witness)
        show(summary, stage.console)
        stage.console.print(f"report: {report}", soft_wrap=True)
        problems = broken(summary)
        for problem in [*problems, *load.searches.problems[:5], *load.alias_reads.problems[:5], *account.missing[:5]]:
            stage.console.print(f"[red]broken:[/] {problem}", soft_wrap=True)
        return 1 if problems else 0

    def _wait_caught_up(self, views: list[str]) -> None:
        """The followers run: give them the time to take the last writes over."""
        stage = self._stage
        end = time.monotonic() + SETTLE_SECONDS
        while any(lag(stage.reader, stage.names, view).total for view in views):
            if time.monotonic() > end:
                raise Refused("the followers didn't catch up", remedy=f"see the logs in {stage.folder / 'logs'}")
            time.sleep(0.5)


def _stage_seconds(events: Path) -> dict[str, float]:
    """How long each stage of an apply took, by its name."""
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    return {line["stage"]: line["seconds"] for line in lines if line["event"] == "ended"}
