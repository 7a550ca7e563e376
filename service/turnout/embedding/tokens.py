"""Text to token ids, the same for every runtime.

Two tokenizers of one file, configured once and never changed: one cuts at the model's limit for `embed`, one never
cuts for `token_spans`. Sharing one and switching its truncation would race between the service's threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from turnout.embedding import Kind
from turnout.release.artifacts import Prefixes


class Tokens:
    """Tokenises for one model."""

    def __init__(self, file: Path, *, max_tokens: int, prefixes: Prefixes, special: bool) -> None:
        self._whole = _plain(file)
        self._cut = _plain(file)
        self._cut.enable_truncation(max_tokens)
        self._prefixes = prefixes
        self._special = special

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Character spans of the tokens of `text`, special tokens left out, never cut."""
        offsets: list[tuple[int, int]] = self._whole.encode(text, add_special_tokens=False).offsets
        return offsets

    def ids(self, texts: Sequence[str], kind: Kind) -> list[list[int]]:
        """Token ids of each text with the prefix of `kind` in front, cut at the model's limit."""
        prefix = getattr(self._prefixes, kind)
        prefixed = [prefix + text for text in texts] if prefix else list(texts)
        encodings = self._cut.encode_batch_fast(prefixed, add_special_tokens=self._special)
        return [encoding.ids for encoding in encodings]


def _plain(file: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
