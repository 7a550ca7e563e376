"""The hard limit on money: a request that could go beyond it is never sent.

Before a request the most that it can cost is set aside; afterwards what the provider billed is booked instead. The
spent amount goes to a ledger at both times, so that a process that dies in between has counted too much, never too
little. Used by the embedder and by simulations.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Protocol

from turnout.errors import EnvironmentProblem, Refused


class Ledger(Protocol):
    """Remembers one amount of money from run to run."""

    def load(self) -> float:
        """What is spent so far, in units of the budget's currency."""

    def save(self, spent: float) -> None:
        """Replace it."""


class MemoryLedger:
    """Remembers as long as the process lives."""

    def __init__(self, spent: float = 0.0) -> None:
        self._spent = spent

    def load(self) -> float:
        """See `Ledger`."""
        return self._spent

    def save(self, spent: float) -> None:
        """See `Ledger`."""
        self._spent = spent


Billed = Callable[[int, float], None]
"""Is told of each request that was charged: tokens, and money in the budget's currency. May be called by any thread."""


class Purse:
    """Money for one purpose. Safe for threads.

    Args:
        limit: most that may be spent, all that the ledger remembers included.
        currency: of the limit and of the price.
        per_million_tokens: the model's price.
        ledger: what is spent already.
        billed: told of each amount that is spent from now on, once.

    Raises:
        EnvironmentProblem: the ledger remembers no amount of money.
    """

    def __init__(
        self, limit: float, *, currency: str, per_million_tokens: float, ledger: Ledger, billed: Billed | None = None
    ) -> None:
        self._limit = limit
        self._billed = billed
        self._currency = currency
        self._price = per_million_tokens / 1e6
        self._ledger = ledger
        self._lock = threading.Lock()
        self._set_aside = 0
        self._spent = ledger.load()
        if not (math.isfinite(self._spent) and self._spent >= 0):
            raise EnvironmentProblem(
                "what was spent on embedding is not known: the ledger holds no amount", remedy="repair the ledger"
            )

    @property
    def spent(self) -> float:
        """Billed so far, without what is set aside."""
        return self._spent

    def set_aside(self, tokens: int, *, where: str) -> None:
        """Before a request: keep back the price of the most tokens that it can be billed for.

        Raises:
            Refused: that could go beyond the limit; nothing is set aside.
        """
        with self._lock:
            before = self._spent + self._set_aside * self._price
            if before + tokens * self._price > self._limit:
                raise Refused(
                    f"the budget for embedding is used up: {self._money(self._spent)} of {self._money(self._limit)}"
                    f" are spent, {self._money(before - self._spent)} are on the way, and the next request may cost"
                    f" {self._money(tokens * self._price)}",
                    where=where,
                    remedy="raise the budget in pipeline.yaml, or make less to embed; what is embedded is kept",
                )
            self._set_aside += tokens
            self._save()

    def settle(self, set_aside: int, billed: int) -> None:
        """After a request: `billed` tokens were charged for what was set aside; 0 if it was refused."""
        if self._billed is not None and billed:
            self._billed(billed, billed * self._price)
        with self._lock:
            self._set_aside -= set_aside
            self._spent += billed * self._price
            self._save()

    def _save(self) -> None:
        self._ledger.save(self._spent + self._set_aside * self._price)

    def _money(self, amount: float) -> str:
        return f"{amount:.6g} {self._currency}"
