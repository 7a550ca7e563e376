"""The report's plots, as SVG elements for a page. Called by `gate.report.page` alone.

A plot without data is a sentence that says why. Importing `draw` costs the import of matplotlib.
"""

from turnout.gate.report.pictures.draw import Picture, pictures

__all__ = ["Picture", "pictures"]
