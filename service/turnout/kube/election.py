"""Which of the replicas leads: a Lease that one of them holds and renews. Asked by the controller's loop.

Not the package's own `leaderelection`: its loops sleep without end and can't be told to stop, so SIGTERM doesn't end
them and the lease isn't given back; its calls have no timeout, so that a silent API server holds a leader beyond its
deadline, and it learns of the loss only from its own loop; it times by the wall clock. Here the question "do I lead?"
is answered by a monotonic clock alone, so that a replica that hangs, or can't reach the API, stops by itself
`LEASE_S - RENEW_S` seconds before another can begin.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from turnout.errors import TurnoutError
from turnout.kube.objects import Lease
from turnout.kube.reader import Reader
from turnout.kube.writer import Writer

LEASE_S = 15
"""Seconds without a renewal after which another replica takes over."""
RENEW_S = 10.0
"""Seconds after its last renewal for which a replica believes that it leads."""
RETRY_S = 2.0
"""Seconds between two attempts."""

log = logging.getLogger(__name__)


class Election:
    """One candidate. `leads` may be asked from any thread; `run` belongs to one of its own.

    Args:
        identity: who this replica is; no two replicas may share it.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        reader: Reader,
        writer: Writer,
        *,
        name: str,
        identity: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader, self._writer = reader, writer
        self._name, self._identity, self._clock = name, identity, clock
        self._renewed: float | None = None
        self._seen: tuple[str, float] | None = None  # the lease's version, and when it was first seen

    def leads(self) -> bool:
        """Whether this replica may act now."""
        renewed = self._renewed
        return renewed is not None and self._clock() - renewed < RENEW_S

    def run(self, stop: threading.Event) -> None:
        """Try to lead until `stop`, then give the lease back, so that another needn't wait for it to run out."""
        while not stop.is_set():
            before = self.leads()
            try:
                self.attempt()
            except Exception:  # whatever it is: were this thread to end, this replica would live and never lead again
                log.exception("the lease can't be renewed")
            if self.leads() != before:
                log.info("%s %s", self._identity, "leads" if self.leads() else "doesn't lead any more")
            stop.wait(RETRY_S)
        self.release()

    def attempt(self) -> None:
        """Take the lease if it is free, renew it if it is ours. A server that doesn't answer changes nothing."""
        began = self._clock()
        try:
            lease = self._reader.lease(self._name)
            done = self._writer.create_lease(self._body(None)) if lease is None else self._take(lease)
        except TurnoutError as error:
            log.warning("the lease can't be renewed: %s", error)
            return
        # Counted from before the requests; the others count from after theirs, so that they can only begin too late.
        self._renewed = began if done else None

    def release(self) -> None:
        """Give the lease back, if it is ours. Best effort: it runs out by itself."""
        led, self._renewed = self._renewed is not None, None
        try:
            lease = self._reader.lease(self._name) if led else None
            if lease is not None and lease.spec.holder_identity == self._identity:
                self._writer.replace_lease(self._body(lease, holder=""))
        except TurnoutError as error:
            log.warning("the lease can't be given back: %s", error)

    def _take(self, lease: Lease) -> bool:
        now = self._clock()
        holder = lease.spec.holder_identity
        version = lease.metadata.resource_version
        if self._seen is None or self._seen[0] != version:
            self._seen = (version, now)
        lasts = lease.spec.lease_duration_seconds or LEASE_S
        if holder not in (None, "", self._identity) and now - self._seen[1] < lasts:
            return False
        return self._writer.replace_lease(self._body(lease))

    def _body(self, lease: Lease | None, *, holder: str | None = None) -> dict[str, Any]:
        """The lease as it shall be; `resourceVersion` makes two that take it at once one winner."""
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        before = lease.spec if lease else None
        ours = before is not None and before.holder_identity == self._identity
        metadata: dict[str, Any] = {"name": self._name}
        if lease is not None:
            metadata["resourceVersion"] = lease.metadata.resource_version
        transitions = (before.lease_transitions or 0) if before else 0
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": self._identity if holder is None else holder,
                "leaseDurationSeconds": 1 if holder == "" else LEASE_S,
                "acquireTime": before.acquire_time if before is not None and ours and before.acquire_time else now,
                "renewTime": now,
                "leaseTransitions": transitions if ours or lease is None else transitions + 1,
            },
        }
