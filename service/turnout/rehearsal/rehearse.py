"""The rehearsal itself: sample, space, base, upgrade path, comparison. Called by `turnout check`."""

from __future__ import annotations

import msgspec
from elasticsearch import ApiError

from turnout.confirm.scratch import reason_of
from turnout.elastic.client import connect
from turnout.elastic.writer import Writer
from turnout.errors import Refused
from turnout.rehearsal import base as base_view
from turnout.rehearsal.compare import Compared, compare
from turnout.rehearsal.documents import Used, read_sample
from turnout.rehearsal.models import Models, contradictions
from turnout.rehearsal.opening import workshop
from turnout.rehearsal.reading import RememberingReader
from turnout.rehearsal.reasons import (
    base_not_built,
    of_checks,
    of_comparison,
    of_confirmation,
    of_fallback,
    of_latency,
    of_model,
    of_nothing,
    of_queries,
    of_sample,
    worst,
)
from turnout.rehearsal.result import Reason, Rehearsal, Side
from turnout.rehearsal.settings import Settings
from turnout.rehearsal.sides import Built, describe
from turnout.rehearsal.upgrade import Upgraded, upgrade
from turnout.rehearsal.workshop import Bench, Workshop, timed
from turnout.release.artifacts import Release


def rehearse(base: Release | None, head: Release, settings: Settings) -> Rehearsal:
    """Build base and head side by side in a space of their own, walk the upgrade path, and compare.

    Args:
        base: None for a new collection, which is built and verified but has nothing to be compared with.

    Raises:
        EnvironmentProblem: a model is not in the store, or the server lacks something; nothing is said about the head.
        Unavailable: Elasticsearch or an endpoint went away. The next rehearsal cleans up.
        BadInput: the source, or a filter of the query set, can't be used.
    """
    with connect(settings.url, api_key=settings.api_key, ca=settings.ca) as client:
        models = Models(settings)
        bench = Bench(settings=settings, reader=RememberingReader(client), writer=Writer(client), models=models)
        try:
            return _Rehearsing(base, head, bench).run()
        finally:
            models.close()


class _Rehearsing:
    """One rehearsal under way: what is known so far, and why it isn't a pass."""

    def __init__(self, base: Release | None, head: Release, bench: Bench) -> None:
        self._base, self._head, self._bench = base, head, bench
        self._reasons: list[Reason] = []
        self._stages: dict[str, dict[str, float]] = {"base": {}, "head": {}}
        self._base_reused = False

    def run(self) -> Rehearsal:
        """Go as far as possible."""
        bench, settings = self._bench, self._bench.settings
        server = f"Elasticsearch {bench.reader.server_version()}"
        with timed(bench.seconds, "sample", settings):
            used = read_sample(self._head, settings)
        self._reasons += of_sample(used.use, named=settings.sample is not None)
        self._reasons += of_queries(settings.query_set)
        empty = Rehearsal(
            server=server,
            sample=used.use,
            base=None,
            head=None,
            upgrade=(),
            confirmation=(),
            checks=(),
            comparison=None,
            latency=None,
            spaces=None,
            base_scores=(),
            head_scores=(),
            seconds=bench.seconds,
            verdict="inconclusive",
            reasons=(),
        )
        if not used.documents or not self._models_are_fit():
            return self._judged(empty)
        with workshop(bench, self._base, self._head, used) as shop:
            found = self._in_space(shop, used, empty)
        return self._judged(found)

    def _judged(self, found: Rehearsal) -> Rehearsal:
        return msgspec.structs.replace(
            found,
            verdict=worst(self._reasons),
            reasons=tuple(f"{reason.rule}: {reason.what}" for reason in self._reasons),
            found=tuple(self._reasons),
        )

    def _models_are_fit(self) -> bool:
        """Load both models before anything is built. A base that can't be loaded isn't the head's fault."""
        bench = self._bench
        with timed(bench.seconds, "models", bench.settings):
            for release, rule in ((self._head, "model"), (self._base, "base-model")):
                if release is None:
                    continue
                try:
                    bench.models.of(release)
                    wrong = list(contradictions(release.model, bench.settings.models)) if rule == "model" else []
                except Refused as error:
                    wrong = [error.what]
                self._reasons += of_model(release, rule, wrong)
        return not any(reason.rule in ("model", "base-model") for reason in self._reasons)

    def _in_space(self, shop: Workshop, used: Used, found: Rehearsal) -> Rehearsal:
        if self._base is not None and not self._build_base(shop, self._base):
            return found
        reached = upgrade(shop, self._base, self._head, self._stages["head"])
        self._reasons += of_confirmation(reached.confirmation)
        if reached.problem is not None:
            self._reasons.append(reached.problem)
        found = msgspec.structs.replace(
            found, upgrade=reached.lines, confirmation=reached.confirmation, checks=reached.checks
        )
        compared, of_base, of_head = Compared(), None, None
        if reached.view is not None:
            compared, of_base, of_head = self._compare(shop, reached, reached.view, used)
        self._reasons += of_checks(reached.checks, compared.comparison)
        gates = self._head.gates
        recalls = compared.base_recall, compared.head_recall
        self._reasons += of_comparison(compared.comparison, *recalls, gates)
        self._reasons += of_fallback(compared.fallback, gates)
        self._reasons += of_latency(compared.latency, gates)
        self._reasons += of_nothing(compared.comparison, self._reasons)
        return msgspec.structs.replace(
            found,
            base=of_base,
            head=of_head,
            comparison=compared.comparison,
            fallback=compared.fallback,
            latency=compared.latency,
            spaces=compared.spaces,
            base_scores=compared.base_scores,
            head_scores=compared.head_scores,
        )

    def _build_base(self, shop: Workshop, base: Release) -> bool:
        """Whether the base is live in the space."""
        with shop.phase("base"):
            base_view.clear(shop, base)
            try:
                self._base_reused = base_view.build(shop, base, self._stages["base"])
            except Refused as error:
                self._reasons.append(base_not_built(error.what))
                return False
            except ApiError as error:
                if error.status_code not in (400, 500):
                    raise
                self._reasons.append(base_not_built(reason_of(error)))
                return False
        return True

    def _compare(self, shop: Workshop, reached: Upgraded, view: str, used: Used) -> tuple[Compared, Side | None, Side]:
        head = Built(self._head, view, shop.models.of(self._head))
        base = None
        if self._base is not None:
            base = Built(self._base, base_view.index_of(shop, self._base), shop.models.of(self._base))
        sample = [document.source_id for document in used.documents]
        compared = compare(shop, base, head, reached.checks, change=reached.plan.change, sample=sample)
        with shop.phase("sizes"):
            of_head = describe(shop.reader, head, compared.head_recall, self._stages["head"])
            of_base = None
            if base is not None:
                seconds, reused = self._stages["base"], self._base_reused
                of_base = describe(shop.reader, base, compared.base_recall, seconds, reused=reused)
        return compared, of_base, of_head
