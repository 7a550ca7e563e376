"""The retrieval service: answers searches of one release from the one view that was built for it.

Started by `turnout serve`. Holds no credential that can write and imports nothing that could.
"""

from turnout.retrieval.server import Address, run
from turnout.retrieval.service import Service, Source
from turnout.retrieval.shadow import ShadowSettings

__all__ = ["Address", "Service", "ShadowSettings", "Source", "run"]
