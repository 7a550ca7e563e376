"""The images of the end-to-end stories, assembled without Docker: `build` makes the tars, the rest are references."""

from e2e.images.build import ERRORS, MODELS, NEXT, SLOW, TURNOUT, build

__all__ = ["ERRORS", "MODELS", "NEXT", "SLOW", "TURNOUT", "build"]
