"""The rehearsal itself: sample, space, base, upgrade path, comparison. Called by `turnout check`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import msgspec
from elasticsearch import ApiError

from turnout.confirm.scratch import reason_of
from turnout.elastic.client import connect
from turnout.elastic.names import Names
from turnout.elastic.writer import Writer
from turnout.errors import EnvironmentProblem, Refused, TurnoutError
from turnout.ingest import Documents
from turnout.rehearsal import base as base_view
from turnout.rehearsal.compare import Compared, compare
from turnout.rehearsal.documents import Used, ingest, read_sample
from turnout.rehearsal.models import Models, contradictions
from turnout.rehearsal.reading import RememberingReader
from turnout.rehearsal.reasons import (
    of_checks,
    of_comparison,
    of_confirmation,
    of_fallback,
    of_latency,
    of_queries,
    of_sample,
    worst,
)
from turnout.rehearsal.result import Reason, Recall, Rehearsal, Side
from turnout.rehearsal.settings import Settings
from turnout.rehearsal.sides import Built, describe
from turnout.rehearsal.space import opened, space_key, write_marker
from turnout.rehearsal.upgrade import Upgraded, upgrade
from turnout.rehearsal.workshop import Workshop, timed
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
    with connect(settings.url, api_key=settings.api_key) as client:
        reader = RememberingReader(client)
        rehearsing = _Rehearsing(base, head, settings, reader, Writer(client))
        try:
            return rehearsing.run()
        finally:
            rehearsing.models.close()


class _Rehearsing:
    """One rehearsal under way: what is known so far, and why it isn't a pass."""

    def __init__(
        self, base: Release | None, head: Release, settings: Settings, reader: RememberingReader, writer: Writer
    ) -> None:
        self._base, self._head, self._settings = base, head, settings
        self._reader, self._writer = reader, writer
        self.models = Models(settings)
        self._reasons: list[Reason] = []
        self._seconds: dict[str, float] = {}
        self._stages: dict[str, dict[str, float]] = {"base": {}, "head": {}}
        self._base_reused = False

    def run(self) -> Rehearsal:
        """Go as far as possible."""
        settings = self._settings
        server = f"Elasticsearch {self._reader.server_version()}"
        with timed(self._seconds, "sample", settings):
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
            seconds=self._seconds,
            verdict="inconclusive",
            reasons=(),
        )
        if not used.documents or not self._models_are_fit():
            return self._judged(empty)
        with self._workshop(used) as shop:
            return self._judged(self._in_space(shop, used, empty))

    def _judged(self, found: Rehearsal) -> Rehearsal:
        return msgspec.structs.replace(
            found,
            verdict=worst(self._reasons),
            reasons=tuple(f"{reason.rule}: {reason.what}" for reason in self._reasons),
            found=tuple(self._reasons),
        )

    def _models_are_fit(self) -> bool:
        """Load both models before anything is built. A base that can't be loaded isn't the head's fault."""
        with timed(self._seconds, "models", self._settings):
            for release, rule in ((self._head, "model"), (self._base, "base-model")):
                if release is None:
                    continue
                try:
                    self.models.of(release)
                    wrong = list(contradictions(release.model, self._settings.models)) if rule == "model" else []
                except Refused as error:
                    wrong = [error.what]
                self._reasons += _of_model(release, rule, wrong)
        return not any(reason.rule in ("model", "base-model") for reason in self._reasons)

    @contextmanager
    def _workshop(self, used: Used) -> Iterator[Workshop]:
        """A space with the documents in it; at its end nothing of the head is left."""
        settings, base = self._settings, self._base
        key = None
        if base is not None and settings.reuse:
            key = space_key(base.collection, base.fingerprints.index, used.use.digest, used.content)
        with opened(self._reader, self._writer, settings, key) as (space, lock):
            names = Names(collection=self._head.collection, prefix=space.prefix)
            self._reader.documents = names.documents
            shop = Workshop(
                settings=settings,
                names=names,
                space=space,
                lock=lock,
                reader=self._reader,
                writer=self._writer,
                models=self.models,
                seconds=self._seconds,
            )
            with shop.phase("documents"):
                self._ingest(shop, used)
            try:
                yield shop
            except BaseException:
                with suppress(TurnoutError):  # the cause matters more; the next rehearsal clears the space
                    self._clear(shop)
                raise
            self._clear(shop)

    def _clear(self, shop: Workshop) -> None:
        if self._base is not None and not shop.space.private:
            base_view.clear(shop, self._base)

    def _ingest(self, shop: Workshop, used: Used) -> None:
        shop.writer.ensure_state_index(shop.names)
        if shop.space.ingested:
            return
        documents = Documents(shop.reader, shop.writer, shop.names, now=shop.settings.now)
        rejected = ingest(documents, used.documents, processes=shop.settings.processes)
        if rejected:
            raise EnvironmentProblem(
                f"{len(rejected)} documents of the sample can't be stored, for example {rejected[0]!r}",
                where=shop.names.documents,
                remedy="draw the sample anew without them",
            )
        write_marker(shop.writer, msgspec.structs.replace(shop.space, ingested=True))

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
                self._reasons.append(_base_not_built(error.what))
                return False
            except ApiError as error:
                if error.status_code not in (400, 500):
                    raise
                self._reasons.append(_base_not_built(reason_of(error)))
                return False
        return True

    def _compare(self, shop: Workshop, reached: Upgraded, view: str, used: Used) -> tuple[Compared, Side | None, Side]:
        head = Built(self._head, view, self.models.of(self._head))
        base = None
        if self._base is not None:
            base = Built(self._base, base_view.index_of(shop, self._base), self.models.of(self._base))
        sample = [document.source_id for document in used.documents]
        compared = compare(shop, base, head, reached.checks, change=reached.plan.change, sample=sample)
        with shop.phase("sizes"):
            of_head = describe(shop.reader, head, compared.head_recall, self._stages["head"])
            of_base = None
            if base is not None:
                of_base = self._described(shop, base, compared.base_recall)
        return compared, of_base, of_head

    def _described(self, shop: Workshop, base: Built, recall: Recall | None) -> Side:
        return describe(shop.reader, base, recall, self._stages["base"], reused=self._base_reused)


def _of_model(release: Release, rule: str, wrong: Iterable[str]) -> Iterator[Reason]:
    if rule == "model":
        remedy = (
            "correct model.yaml and lock (`turnout model show` prints what the files say), or prepare the right model"
        )
        for what in wrong:
            yield Reason(rule=rule, verdict="fail", what=f"model {release.model.id}: {what}", remedy=remedy)
        return
    for what in wrong:
        said = f"the base can't be rehearsed, so there is nothing to compare with: {what}"
        yield Reason(rule=rule, verdict="inconclusive", what=said, remedy="put the base's model into the store")


def _base_not_built(what: str) -> Reason:
    return Reason(
        rule="base-not-built",
        verdict="inconclusive",
        what=f"the base can't be built on this server, so there is nothing to compare with: {what}",
        remedy="rehearse on a server of the version that the base runs on, with the model that it was released with",
    )
