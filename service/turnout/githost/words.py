"""The texts of a proposed revert: branch, title, message and quarantine.yaml. Pure. Called by `github`."""

from __future__ import annotations

from typing import Final

import yaml

from turnout.githost.history import Undo
from turnout.githost.proposal import Revert
from turnout.release.artifacts import QuarantinedRelease

_HEADER: Final = (
    "# Releases that failed. `turnout validate` refuses them; the controller's pull requests add entries.\n"
)
_MOST_CHARS: Final = 1000  # what schemas/definitions/quarantine.schema.json allows for a reason


def branch_of(revert: Revert) -> str:
    """One branch for each failed release, so that a second try finds the first."""
    return f"turnout/revert-{revert.collection}-{revert.failed}"


def title(revert: Revert) -> str:
    """The pull request's title, and the first line of its commit."""
    return f"Revert {revert.collection} from {revert.failed} to {revert.stable}"


def message(revert: Revert, undo: Undo) -> str:
    """What happened and what the change does, in Markdown."""
    undone = "\n".join(f"- {sha}" for sha in undo.commits)
    lines = [
        f"Release `{revert.failed}` of {revert.collection} failed on the cluster: `{_code(revert.by)}`.",
        _indented(revert.reason),
        f"Traffic is on `{revert.stable}`, the alias did not move. The failed release is in quarantine and is not"
        " served again. This change takes its commits back and notes it in quarantine.yaml, so that Git says what is"
        " served:",
        undone,
    ]
    if undo.left:
        left = "\n".join(f"- {path}" for path in undo.left)
        lines.append(f"These files were part of it and have been changed since; they are left as they are:\n\n{left}")
    return "\n\n".join(lines)


def quarantine_file(revert: Revert, present: tuple[QuarantinedRelease, ...]) -> str:
    """quarantine.yaml with one more entry; the same entry is not written twice."""
    entries = [{"release": e.release, "reason": e.reason, "since": e.since} for e in present]
    if revert.failed not in {entry["release"] for entry in entries}:
        reason = f"{revert.by}: {revert.reason}"[:_MOST_CHARS]
        entries.append({"release": revert.failed, "reason": reason, "since": revert.since})
    body = {"apiVersion": "turnout/v1", "kind": "Quarantine", "releases": entries}
    return _HEADER + str(yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=120))


def _code(text: str) -> str:
    return text.replace("`", "'").replace("\n", " ")


def _indented(text: str) -> str:
    """As a block of code: nothing in it is Markdown, a mention or a link."""
    return "\n".join(f"    {line}" for line in text.splitlines() or [""])
