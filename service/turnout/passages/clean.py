"""The clean stage: one text, one normal form. Called by follow; its version is `CODE_VERSIONS.clean`."""

from __future__ import annotations

import unicodedata

from turnout.release.artifacts import Clean


def clean(text: str, settings: Clean) -> str:
    """`text` with Unicode normalised and runs of white space as one space, as the settings say."""
    if settings.unicode != "none":
        text = unicodedata.normalize(settings.unicode, text)
    return " ".join(text.split()) if settings.collapse_whitespace else text
