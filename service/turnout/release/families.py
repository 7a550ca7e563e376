"""Prefixes that known models were trained with, or without. With others vectors look right and rank worse, so nothing
but a table can tell. Read by the rules; a model that isn't here is taken at its word."""

from __future__ import annotations

import re

from turnout.release.artifacts import Prefixes

_SEARCH = "Represent this sentence for searching relevant passages: "

# The last part of the id, lower case -> what the model card says. Instruction-tuned models, whose instruction is the
# user's choice, are left out on purpose.
_FAMILIES: tuple[tuple[re.Pattern[str], Prefixes], ...] = (
    (
        re.compile(r"(multilingual-)?e5-(small|base|large)(-v2|-unsupervised)?"),
        Prefixes(query="query: ", passage="passage: "),
    ),
    (
        re.compile(r"nomic-embed-text-v\d.*|modernbert-embed-(base|large)"),
        Prefixes(query="search_query: ", passage="search_document: "),
    ),
    (re.compile(r"bge-(small|base|large)-en"), Prefixes(query=_SEARCH)),
    (re.compile(r"mxbai-embed-(large|xsmall)-v1"), Prefixes(query=_SEARCH)),
    (re.compile(r"snowflake-arctic-embed-(xs|s|m|m-long|l|m-v1\.5)"), Prefixes(query=_SEARCH)),
    (re.compile(r"snowflake-arctic-embed-(m|l)-v2\.0"), Prefixes(query="query: ")),
    # Trained without any: one that is added moves the vectors and tells the model nothing.
    (re.compile(r"all-(minilm-l\d+-v\d|mpnet-base-v\d|distilroberta-v1|roberta-large-v1)"), Prefixes()),
    (re.compile(r"multi-qa-(minilm|mpnet|distilbert)-.*"), Prefixes()),
    (
        re.compile(r"embeddinggemma-300m"),
        Prefixes(query="task: search result | query: ", passage="title: none | text: "),
    ),
)


def needed_prefixes(model_id: str) -> Prefixes | None:
    """What a model of a known family needs; None for all others."""
    name = model_id.rsplit("/", 1)[-1].lower()
    return next((prefixes for pattern, prefixes in _FAMILIES if pattern.fullmatch(name)), None)
