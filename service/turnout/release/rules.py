"""What must hold within and between the files of a release. Each rule is a function over files that are valid by
themselves; `broken_rules` runs it when its files are there, so that nothing is guessed from a bad one. Called by
`checking`."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from turnout.release.artifacts import Gates, Model, Pipeline
from turnout.release.document import Document
from turnout.release.endpoint import MOST_TEXTS, endpoint_problem
from turnout.release.families import needed_prefixes
from turnout.release.findings import Finding, shown
from turnout.release.judgments import Judgments
from turnout.release.latency_bounds import SECONDS, nearest_ms
from turnout.release.mapping import Mapping
from turnout.release.mapping_rules import copies_arrive, passages_exist, searched_fields_exist, vector_fits

SPECIAL_TOKENS = 2  # one in front and one behind, as in BERT and its kin


class Bundle(msgspec.Struct, kw_only=True):
    """The valid files of a collection; None for one that isn't there or isn't valid."""

    mapping: Mapping | None = None
    model: Model | None = None
    pipeline: Pipeline | None = None
    gates: Gates | None = None
    judgments: Judgments | None = None
    documents: dict[str, Document] = {}
    """Parsed files by kind, for places."""


def _model_alone(document: Document, model: Model) -> Iterator[Finding]:
    if model.similarity == "dot_product" and not model.normalize:
        problem = "dot_product takes vectors of length 1 only, and `normalize` is false"
        yield document.finding(("similarity",), "dot-product-needs-normalize", problem, "set `normalize: true`")
    if model.runtime.name == "static" and model.pooling != "mean":
        problem = "a static model has no token to pool but the mean of all"
        yield document.finding(("pooling",), "static-pooling", problem, "write mean")
    if model.runtime.precision == "bf16" and model.runtime.name != "openvino":
        problem = f"the runtime {model.runtime.name} doesn't compute in bf16"
        path = ("runtime", "precision")
        yield document.finding(path, "precision-runtime", problem, "write fp32, or take the runtime openvino")


_NEEDED = {
    "digests": "`turnout model show` prints them",
    "pooling": "as the model was trained: mean, cls or max",
    "endpoint": "the base URL of the provider",
}
_FOREIGN = {
    "digests": ("digests-of-hosted", "files of a hosted model can't be seen, so nobody can check their digests"),
    "pooling": ("pooling-of-hosted", "a hosted model pools out of sight"),
    "endpoint": ("endpoint-of-local", "a model that runs here has no endpoint"),
}


def _where_it_runs(document: Document, model: Model) -> Iterator[Finding]:
    """Digests and pooling for what runs here, an endpoint for what doesn't: JSON Schema can't say that readably."""
    needed = ("endpoint",) if model.hosted else ("digests", "pooling")
    for name in _NEEDED:
        given = getattr(model, name) is not msgspec.UNSET
        if name in needed and not given:
            problem = f"the file lacks `{name}`, which the runtime {model.runtime.name} needs"
            yield document.finding((), "missing-key", problem, f"add `{name}`: {_NEEDED[name]}", at_key=True)
        elif given and name not in needed:
            rule, problem = _FOREIGN[name]
            remedy = f"drop `{name}`, or take another runtime than {model.runtime.name}"
            yield document.finding((name,), rule, problem, remedy, at_key=True)
    if model.hosted and isinstance(model.endpoint, str) and (wrong := endpoint_problem(model.endpoint)):
        yield document.finding(("endpoint",), wrong.rule, wrong.problem, wrong.remedy)


def _batch_fits_provider(document: Document, model: Model, pipeline: Pipeline) -> Iterator[Finding]:
    most, given = MOST_TEXTS.get(model.runtime.name), pipeline.embed.batch_size
    if most is not None and given > most:
        problem = f"{model.runtime.name} takes {most} texts in a request, not {given}"
        yield document.finding(("embed", "batch_size"), "batch-too-large", problem, f"write {most} or less")


def _prefixes(document: Document, model: Model) -> Iterator[Finding]:
    needed = needed_prefixes(model.id)
    for side in ("query", "passage") if needed else ():
        wanted, given = getattr(needed, side), getattr(model.prefixes, side)
        if wanted != given:
            trained = f"with {shown(wanted)}" if wanted else "with nothing"
            problem = f"{model.id} was trained {trained} in front of a {side}, not {shown(given)}"
            remedy = f"write `{side}: {shown(wanted)}` under `prefixes`"
            yield document.finding(("prefixes", side), "model-prefix", problem, remedy)


def _pipeline_alone(document: Document, pipeline: Pipeline) -> Iterator[Finding]:
    chunk, retrieval, limits = pipeline.chunk, pipeline.retrieval, pipeline.limits
    if chunk.overlap >= chunk.size:
        problem = f"an overlap of {chunk.overlap} tokens leaves nothing new in passages of {chunk.size}"
        yield document.finding(("chunk", "overlap"), "overlap-too-large", problem, "make it less than `size`")
    if retrieval.k > limits.max_k:
        problem = f"k is {retrieval.k}, callers may ask for {limits.max_k} (limits.max_k)"
        yield document.finding(("retrieval", "k"), "k-above-max", problem, "lower k or raise limits.max_k")
    if retrieval.num_candidates < retrieval.k:
        problem = f"{retrieval.num_candidates} candidates can't give {retrieval.k} results"
        path = ("retrieval", "num_candidates")
        yield document.finding(path, "candidates-below-k", problem, "raise num_candidates to k or more")
    if retrieval.rank_window < retrieval.k:
        problem = f"a window of {retrieval.rank_window} documents can't give {retrieval.k} results"
        path = ("retrieval", "rank_window")
        yield document.finding(path, "rank-window-below-k", problem, "raise rank_window to k or more")


def _chunk_fits_model(document: Document, model: Model, pipeline: Pipeline) -> Iterator[Finding]:
    """A token covers at least one byte, so the prefix has at most as many tokens as it has bytes."""
    prefix = len(model.prefixes.passage.encode())
    needed = pipeline.chunk.size + prefix + SPECIAL_TOKENS
    if needed > model.max_tokens:
        problem = (
            f"a passage of {pipeline.chunk.size} tokens, {prefix} for the prefix (one a byte, at most) and "
            f"{SPECIAL_TOKENS} special tokens are {needed}; the model cuts after {model.max_tokens} (max_tokens)"
        )
        remedy = f"make size at most {model.max_tokens - prefix - SPECIAL_TOKENS} tokens"
        yield document.finding(("chunk", "size"), "chunk-too-long", problem, remedy)


def _currencies(document: Document, model: Model, pipeline: Pipeline) -> Iterator[Finding]:
    if model.price.currency != pipeline.budget.currency:
        problem = f"the budget is in {pipeline.budget.currency}, the model's price in {model.price.currency}"
        path = ("budget", "currency")
        yield document.finding(path, "currency-mismatch", problem, "write both in one currency")


def _evaluation(gates: Gates, document: Document, judgments: Judgments) -> Iterator[Finding]:
    wanted = gates.verify.quality.min_queries
    if wanted > judgments.judged:
        problem = f"the gate asks for {wanted} judged queries, the query set has {judgments.judged}"
        path = ("verify", "quality", "min_queries")
        yield document.finding(path, "too-few-queries", problem, "judge more queries or lower min_queries")


def _canary(document: Document, gates: Gates) -> Iterator[Finding]:
    rates = gates.judged.rates
    spent = sum(rate.alpha_share for rate in rates.values())
    if spent > 1 + 1e-9:
        problem = f"the metrics' parts of alpha add up to {spent:.3g}: healthy releases would be stopped more often"
        yield document.finding(("canary",), "alpha-overspent", problem, "lower some `alpha_share`, to 1 in all")
    for name, rate in rates.items():
        if rate.margin <= rate.tolerance:
            problem = (
                f"{name} fails above {rate.tolerance:g} times stable's share and should pass up to {rate.margin:g}"
            )
            path = ("canary", name, "margin")
            yield document.finding(path, "margin-below-tolerance", problem, "make margin greater than tolerance")


def _objectives(document: Document, gates: Gates) -> Iterator[Finding]:
    within = gates.promised.latency.within_ms
    if within / 1000 not in SECONDS:
        near = " or ".join(f"{each:g}" for each in nearest_ms(within))
        problem = f"searches within {within:g} ms can't be counted: the service's histogram has no bound there"
        yield document.finding(("slo", "latency", "within_ms"), "no-bound", problem, f"write {near}, the nearest")


def _query_filters(pipeline: Pipeline, judgments: Judgments) -> Iterator[Finding]:
    allowed = pipeline.retrieval.filter_fields
    for name, line in judgments.filters:
        if name not in allowed:
            problem = f"a filter on {shown(name)}, which is not in retrieval.filter_fields"
            remedy = f"filter on {', '.join(allowed) or 'nothing'}, or add the field"
            yield Finding(judgments.file, line, 1, "/filters", "unknown-filter", problem, remedy)


def broken_rules(bundle: Bundle) -> Iterator[Finding]:
    """Run every rule whose files are valid."""
    documents, mapping, model, pipeline = bundle.documents, bundle.mapping, bundle.model, bundle.pipeline
    if model:
        yield from _model_alone(documents["model"], model)
        yield from _where_it_runs(documents["model"], model)
        yield from _prefixes(documents["model"], model)
    if pipeline:
        yield from _pipeline_alone(documents["pipeline"], pipeline)
    if model and pipeline:
        yield from _chunk_fits_model(documents["pipeline"], model, pipeline)
        yield from _currencies(documents["pipeline"], model, pipeline)
        yield from _batch_fits_provider(documents["pipeline"], model, pipeline)
    if mapping and pipeline:
        for rule in (passages_exist, copies_arrive, searched_fields_exist):
            yield from rule(documents["pipeline"], mapping, pipeline)
    if mapping and model and pipeline:
        yield from vector_fits(mapping, model, pipeline)
    if bundle.gates:
        yield from _canary(documents["gates"], bundle.gates)
        yield from _objectives(documents["gates"], bundle.gates)
    if bundle.gates and bundle.judgments:
        yield from _evaluation(bundle.gates, documents["gates"], bundle.judgments)
    if pipeline and bundle.judgments:
        yield from _query_filters(pipeline, bundle.judgments)
