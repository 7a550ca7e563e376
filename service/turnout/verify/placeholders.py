"""How many documents are in the view and can't be found? Called by verify.

A document that can't be indexed becomes a placeholder, so that it doesn't block the rest. Parity counts it as present:
without a limit, a release that indexes nothing at all would look complete.
"""

from __future__ import annotations

from turnout.elastic.reader import Reader
from turnout.elastic.views import SYSTEM_FIELD
from turnout.release.artifacts import PlaceholderGate
from turnout.verify.report import Check

EXAMPLES = 20


def placeholders(reader: Reader, view: str, gate: PlaceholderGate) -> Check:
    """Compare the share of documents that are placeholders, tombstones left out, with the gate.

    Counts what the last refresh made visible. The evidence names ids with their reasons, never texts.
    """
    live, hidden = (reader.count(view, _in_state(state)) for state in ("live", "placeholder"))
    share = hidden / (live + hidden) if live + hidden else 0.0
    examples = _examples(reader, view) if hidden else {}
    evidence = {"documents": live + hidden, "placeholders": hidden, "share": share, "examples": examples}
    said = f"{hidden} of {live + hidden} documents are in the view and can't be found"
    if share > gate.max_share:
        first = next(iter(examples.values()), "no reason is stored")
        reason = f"{said}, a share of {share:.4f}, the gate allows {gate.max_share}; for example: {first}"
        return Check(name="placeholders", verdict="fail", reason=reason, evidence=evidence)
    return Check(name="placeholders", verdict="pass", reason=said, evidence=evidence)


def _in_state(state: str) -> dict[str, dict[str, str]]:
    return {"term": {f"{SYSTEM_FIELD}.state": state}}


def _examples(reader: Reader, view: str) -> dict[str, str]:
    fields = [f"{SYSTEM_FIELD}.id", f"{SYSTEM_FIELD}.reason"]
    body = {"query": _in_state("placeholder"), "size": EXAMPLES, "sort": [f"{SYSTEM_FIELD}.id"], "_source": fields}
    hits = reader.search(view, body)["hits"]["hits"]
    return {hit["_id"]: str(hit["_source"][SYSTEM_FIELD].get("reason", "")) for hit in hits}
