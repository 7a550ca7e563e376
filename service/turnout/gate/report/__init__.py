"""The report of `turnout check`: report.md for the pull request, report.html with plots, report.json for programs.

Called by the `check` verb and the drills. Everything that a report shows may come from a pull request and is escaped.
Drawing needs the extra `check`; jinja2 and matplotlib are imported only when a page is made.
"""

from turnout.gate.report.comment import LIMIT, MARKER, markdown
from turnout.gate.report.encoding import decode, encode
from turnout.gate.report.page import html, require_drawing
from turnout.gate.report.terminal import text
from turnout.gate.report.writing import write

__all__ = ["LIMIT", "MARKER", "decode", "encode", "html", "markdown", "require_drawing", "text", "write"]
