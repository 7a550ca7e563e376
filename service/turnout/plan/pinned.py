"""Does a revision name one thing for ever? Branches, tags that move and ranges don't. Called by `policy`."""

from __future__ import annotations

import re
import unicodedata

from turnout.release.artifacts import Model

_NOTHING = frozenset({"", "-", "?", "none", "null", "nil", "n/a", "na", "unknown", "unversioned", "any", "todo", "tbd"})
_MOVING = frozenset(
    {
        *("main", "master", "trunk", "develop", "development", "dev", "head", "tip", "default"),
        *("latest", "newest", "current", "stable", "nightly", "edge", "rolling", "snapshot", "*"),
    }
)
_BRANCH = re.compile(r"^(refs/)?(heads|remotes)/|^origin/")
_AFTER_HEAD = re.compile(r"[~^][0-9^~]*$")  # HEAD~1, main^
_RANGE = re.compile(r"^[<>~^]|[<>]=?|~=|!=|(^|[.=])[*x]$")
_LAST_PART = re.compile(r"[@:/=]+")
_LATEST = re.compile(r"(^|[^a-z])latest$")


def unpinned(model: Model) -> str | None:
    """The part of a model's name that doesn't pin it: its revision, or its id where that ends in a tag that moves."""
    if not _pins(plain(model.revision)):
        return model.revision
    tag = _LAST_PART.split(plain(model.id).rsplit("/", 1)[-1])
    return model.id if _LATEST.search(tag[-1]) or (len(tag) > 1 and tag[-1] in _MOVING) else None


def plain(text: str) -> str:
    """Text as people read it: no signs that can't be seen, one form for each letter."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(sign for sign in folded if sign.isprintable() and not sign.isspace())


def _pins(revision: str) -> bool:
    if revision in _NOTHING or _BRANCH.search(revision) or _RANGE.search(revision):
        return False
    last = _LAST_PART.split(_AFTER_HEAD.sub("", revision))[-1]
    return bool(last) and last not in _MOVING and not _LATEST.search(last)
