"""Serves the Prometheus metrics of a process that has no HTTP server of its own. For `follow`, `apply` and `ledger`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from turnout.errors import EnvironmentProblem

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

LOOPBACK = "127.0.0.1"
F = TypeVar("F", bound=Callable[..., Any])


def metrics_options(command: F) -> F:
    """The options `--metrics-port` and `--metrics-host` of a verb."""
    host = click.option(
        "--metrics-host", default=LOOPBACK, show_default=True, help="Address of the metrics; 0.0.0.0 in a pod."
    )
    port = click.option("--metrics-port", type=click.IntRange(1, 65535), help="Serve Prometheus metrics on this port.")
    return port(host(command))


class MetricsServer:
    """Serves a registry until it is closed.

    Raises:
        EnvironmentProblem: nothing can be served there.
    """

    def __init__(self, registry: CollectorRegistry, *, host: str, port: int) -> None:
        from prometheus_client import start_http_server

        try:
            self._server, self._thread = start_http_server(port, addr=host, registry=registry)
        except OSError as error:
            raise EnvironmentProblem(
                f"metrics can't be served on {host} port {port}: {error.strerror}",
                remedy="choose another --metrics-host or --metrics-port",
            ) from error

    def close(self) -> None:
        """End, and wait for what is being answered."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)
