"""A plan as Markdown, for a comment on a pull request. Everything that a user wrote is hostile there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from turnout.plan.build import Plan
from turnout.plan.explain import Alike, alike, estimate_rows, explain, value
from turnout.release.findings import printable

# Whatever could start markup, a mention or a link becomes an HTML entity.
_MARKUP = re.compile(r"[^\w ,/-]|_", re.ASCII)


def markdown(plan: Plan) -> str:
    """The plan as GitHub-flavoured Markdown, ending in a newline."""
    parts = [
        f"### Plan for {code(plan.collection)}: {plan.change.value}",
        f"{code(plan.base_id or 'nothing')} → {code(plan.head_id)}",
        *_refusals(plan),
        *_differences(plan),
        *_stages(plan),
        *_estimate(plan),
        *[f"Note: {escape(note)}" for note in plan.notes],
    ]
    return "\n\n".join(parts) + "\n"


def code(text: str) -> str:
    """Text in a code element: no markup works in it, and nobody is mentioned from it."""
    return f"<code>{escape(text)}</code>"


def escape(text: str) -> str:
    """Text that Markdown, tables and HTML show as it is."""
    return _MARKUP.sub(lambda found: _entity(found.group()), printable(text))


def _entity(char: str) -> str:
    return char if ord(char) > 127 else f"&#{ord(char)};"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _refusals(plan: Plan) -> list[str]:
    lines = [f"- **refused** {code(item.rule)}: {escape(item.what)}. {escape(item.remedy)}." for item in plan.refusals]
    lines += [f"- lifted by an override {code(item.rule)}: {escape(item.what)}." for item in plan.lifted]
    return ["\n".join(lines)] if lines else []


def _differences(plan: Plan) -> list[str]:
    if not plan.differences:
        return ["Nothing differs."]
    rows = [row for group in alike(plan.differences) for row in _rows(group)]
    return [_table(("path", "before", "after", "class", "why"), rows)]


def _rows(group: Alike) -> Iterator[tuple[str, ...]]:
    for item in group.shown:
        yield (
            code(item.path or "/"),
            code(value(item.before)),
            code(value(item.after)),
            item.change.value,
            escape(item.reason),
        )
    if group.more:
        yield code(group.rest), "", "", group.shown[0].change.value, escape(group.shown[0].reason)


def _stages(plan: Plan) -> list[str]:
    lines = [f"{place}. {escape(line)}" for place, line in enumerate(explain(plan), start=1)]
    return ["\n".join(lines) if lines else "Nothing to do: the release is live."]


def _estimate(plan: Plan) -> list[str]:
    rows = [(label, escape(shown)) for label, shown in estimate_rows(plan)]
    table = _table(("estimate", ""), rows)
    assumed = "; ".join(plan.estimate.assumptions)
    return [table, f"Assumed: {escape(assumed)}."] if assumed else [table]
