"""What is asked of Elasticsearch for a search, as pure values. Used by the service and by evaluation."""

from turnout.query.bodies import fetch, lexical, vector
from turnout.query.fusion import fuse
from turnout.query.request import Query

__all__ = ["Query", "fetch", "fuse", "lexical", "vector"]
