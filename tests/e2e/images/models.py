"""The two models of the stories, prepared, as folders named by their digest. `build` calls this."""

from __future__ import annotations

from pathlib import Path

STATIC_DIMS = 256


def prepared(store: Path) -> tuple[Path, Path]:
    """The folders of the static model (256 dims) and of all-MiniLM-L6-v2 (384 dims); made where they are missing.

    From an installed package, never from a model hub; the first time takes about a minute.
    """
    from turnout.embedding import prepare

    store.mkdir(parents=True, exist_ok=True)
    teacher = prepare.prepare(prepare.minilm_source(), store)
    return prepare.distil_static(teacher, store, dims=STATIC_DIMS), teacher
