"""What a round does beside reconciling: its failures hold up nothing. For `probing`, `comparing` and `sizes`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from turnout.controller.act import told
from turnout.controller.tools import Deposed
from turnout.errors import TurnoutError

log = logging.getLogger(__name__)


class Aside:
    """One such work.

    Args:
        what: what fails, as the log says it.
    """

    def __init__(self, what: str) -> None:
        self._what, self._failure = what, ""

    @contextmanager
    def trying(self, collection: str) -> Iterator[None]:
        """Log what fails inside when it is new, a bug with its traceback.

        Raises:
            Deposed: this replica may not act any more.
        """
        try:
            yield
            self._failure = ""
        except Deposed:
            raise
        except Exception as error:
            if told(error) != self._failure:
                self._failure = told(error)
                is_ours = isinstance(error, TurnoutError)
                log.warning("%s: %s: %s", collection, self._what, self._failure, exc_info=not is_ours)
