"""Whether a failed request is tried again, and when. Pure: clock and random numbers are passed in.

Called by the embedder after each attempt, and by simulations. Not tenacity: its waiting can't be separated from its
deciding, and a simulation must decide without waiting.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime


@dataclass(frozen=True)
class Patience:
    """How long to go on.

    Args:
        total_s: from the first attempt of a request to the start of its last, in seconds; waiting for one's own rate
            limit before the first attempt doesn't count.
        first_s: most that is waited after the first failure, in seconds; it doubles with each further one.
        most_s: where the doubling ends, in seconds.
    """

    total_s: float = 300.0
    first_s: float = 0.5
    most_s: float = 30.0


def worth_a_retry(status: int) -> bool:
    """Whether the same request may succeed later: no client error but "too slow" and "too many" gets better."""
    return status in (408, 429) or 500 <= status <= 599


def pause_s(
    failures: int, asked: float | None, *, spent_s: float, patience: Patience, rng: random.Random
) -> float | None:
    """Seconds to wait before the next attempt; None to give up.

    Full jitter: any time from 0 to the bound, so that clients that failed together don't come back together. A server
    that asks for a time gets it, and a little more for the same reason; one that asks for more than the patience that
    is left is not asked again.

    Args:
        failures: attempts that failed, from 1.
        asked: what Retry-After said, in seconds from now.
        spent_s: seconds since the first attempt.
    """
    bound = min(patience.most_s, patience.first_s * 2.0 ** min(failures - 1, 60))
    pause = rng.uniform(0.0, bound) if asked is None else asked + rng.uniform(0.0, patience.first_s)
    return pause if spent_s + pause <= patience.total_s else None


def retry_after_s(value: str | None, *, wall: float) -> float | None:
    """Seconds that a Retry-After header asks for; None if there is none that can be understood.

    Args:
        value: the header: seconds, or an HTTP date.
        wall: the time, in seconds since 1970.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        date = parsedate_to_datetime(text)
        # HTTP dates are GMT, whatever they leave out.
        return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - wall)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
