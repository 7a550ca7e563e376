"""turnout: GitOps for vector search on Elasticsearch.

One package for the command line, the followers and the retrieval service. The README of `service/` shows the layers
and which may import which.
"""

__version__ = "0.1.0"
