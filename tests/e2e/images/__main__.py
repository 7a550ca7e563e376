"""`PYTHONPATH=tests python -m e2e.images`: make the images and say how large they are."""

from __future__ import annotations

from pathlib import Path

from e2e.images import build

if __name__ == "__main__":
    build(Path(__file__).parents[3] / "build")
