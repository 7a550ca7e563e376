"""Says beside the indexes which environment they belong to, and stops a controller that works on another one's.

A staging overlay with production's address would retire production's views. Called by `reconcile` in each round before
anything is decided, and read by every verb that changes something (`turnout.cli.guarding`).
"""

from __future__ import annotations

from turnout.controller.tools import Tools
from turnout.elastic.state import ENVIRONMENT_KEY, Environment
from turnout.elastic.writer import Conflict
from turnout.errors import Refused


def claim(tools: Tools) -> None:
    """Record this process's environment where none is recorded; nothing if it is recorded already.

    Raises:
        Refused: another environment is recorded. Nothing may be changed here.
        Unavailable: Elasticsearch can't answer.
    """
    recorded = tools.elastic.environment(tools.names)
    if not recorded and tools.environment:
        record = Environment(collection="", at=tools.now(), name=tools.environment)
        tools.check()
        try:
            tools.elastic_writer.put_state(tools.names, record, create=True)
        except Conflict:  # the round of another collection was faster, or another environment's controller
            recorded = tools.elastic.environment(tools.names)
    if recorded and recorded != tools.environment:
        raise Refused(
            f"the indexes belong to the environment {recorded!r}, and this controller to "
            f"{tools.environment or 'none'!r}: nothing is done",
            where=tools.names.state,
            remedy="correct TURNOUT_ELASTICSEARCH_URL or TURNOUT_INDEX_PREFIX; if the environment was renamed, delete "
            f"the document {ENVIRONMENT_KEY!r} of that index",
        )
