"""Take a live index that turnout didn't make into Git: its files with questions, later its record as the live release.

Called by the `adopt` verb. Nothing is guessed: what an index can't tell is left open, and `turnout validate` points at
every open question.
"""

from turnout.adopt.draft import Draft, draft
from turnout.adopt.live import LiveIndex, look, release_mapping
from turnout.adopt.questions import Question
from turnout.adopt.record import record
from turnout.adopt.write import write

__all__ = ["Draft", "LiveIndex", "Question", "draft", "look", "record", "release_mapping", "write"]
