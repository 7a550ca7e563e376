"""A local Elasticsearch for demo, tests and development: one pinned version, started the way this machine can.

`ensure` is for everyone who needs a server; `own_node` is for tests that stop or break one. Never used in a cluster.
"""

from turnout.elastic.node.own import OwnNode, own_node
from turnout.elastic.node.requirements import VERSION
from turnout.elastic.node.server import Node, health
from turnout.elastic.node.shared import DEFAULT_HEAP, DEFAULT_PORT, URL_VARIABLE, ensure, find, stop

__all__ = [
    "DEFAULT_HEAP",
    "DEFAULT_PORT",
    "URL_VARIABLE",
    "VERSION",
    "Node",
    "OwnNode",
    "ensure",
    "find",
    "health",
    "own_node",
    "stop",
]
