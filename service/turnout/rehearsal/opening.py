"""A space with the documents in it, and what is left there at the end. Called by `rehearse`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec
from elasticsearch import ApiError

from turnout.elastic.names import Names
from turnout.errors import EnvironmentProblem, TurnoutError
from turnout.ingest import Documents
from turnout.rehearsal import base as base_view
from turnout.rehearsal.documents import Used, ingest
from turnout.rehearsal.space import opened, space_key, write_marker
from turnout.rehearsal.workshop import Bench, Workshop
from turnout.release.artifacts import Release


@contextmanager
def workshop(bench: Bench, base: Release | None, head: Release, used: Used) -> Iterator[Workshop]:
    """A space with the documents in it; at its end nothing of the head is left.

    Raises:
        EnvironmentProblem: no space can be made, a document can't be stored, or another rehearsal took the space over:
            nothing that was found in it may be believed then.
    """
    key = None
    if base is not None and bench.settings.reuse:
        key = space_key(base.collection, base.fingerprints.index, used.use.digest, used.content)
    with opened(bench.reader, bench.writer, bench.settings, key) as (space, lock):
        names = Names(collection=head.collection, prefix=space.prefix)
        bench.reader.documents = names.documents
        shop = Workshop(**vars(bench), names=names, space=space, lock=lock)
        with shop.phase("documents"):
            _ingest(shop, used)
        try:
            yield shop
        except BaseException:
            with suppress(TurnoutError, ApiError):  # the cause matters more; the next rehearsal clears the space
                _leave(shop, base)
            raise
        _leave(shop, base)


def _leave(shop: Workshop, base: Release | None) -> None:
    """What is left of a shared space is the next one's base; a private one goes as a whole."""
    shop.lock.check()
    if base is not None and not shop.space.private:
        base_view.clear(shop, base)


def _ingest(shop: Workshop, used: Used) -> None:
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
