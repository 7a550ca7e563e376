"""From a document's text to its passages: clean and chunk. Pure; its code versions are part of the embedding
fingerprint, because whatever changes a passage changes a vector."""

from turnout.passages.chunk import TooManyPassages, chunk
from turnout.passages.clean import clean
from turnout.release.artifacts import CodeVersions

# Raise when the output of the stage changes for any input.
CODE_VERSIONS = CodeVersions(clean=1, chunk=1)

__all__ = ["CODE_VERSIONS", "TooManyPassages", "chunk", "clean"]
