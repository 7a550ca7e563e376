"""The search page: one file, nothing from elsewhere, and a policy that lets nothing else run."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files

PAGE = files("turnout.retrieval").joinpath("page.html").read_bytes()


def _hashes(tag: bytes) -> str:
    """CSP sources for the page's own inline blocks: any other script or style is refused by the browser."""
    blocks = re.findall(rb"<%b>(.*?)</%b>" % (tag, tag), PAGE, flags=re.DOTALL)
    return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(block).digest()).decode()}'" for block in blocks)


PAGE_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; script-src {_hashes(b'script')}; style-src {_hashes(b'style')}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
