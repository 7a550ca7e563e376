"""`turnout serve`: run the retrieval service for one release."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from turnout.cli.settings import from_environment
from turnout.errors import BadInput
from turnout.release.artifacts import Release

if TYPE_CHECKING:  # --help needs no server
    from turnout.retrieval import ShadowSettings

EXAMPLES = """
\b
Examples:
  turnout serve --release pipelines/python-docs/release.json
  turnout serve --release /etc/turnout/release.json --host 0.0.0.0 --port 8080 --drain 10

\b
Then:
  curl http://127.0.0.1:8080/readyz
  curl 'http://127.0.0.1:8080/search?q=parse+json&k=3'
  a browser at http://127.0.0.1:8080/

Reads release.json, the model store (TURNOUT_MODELS) and Elasticsearch (TURNOUT_ELASTICSEARCH_URL, with
TURNOUT_ELASTICSEARCH_READ_API_KEY), for a hosted model TURNOUT_EMBEDDING_API_KEY, and nothing else.
POD_TEMPLATE_HASH becomes a label of every metric; where it is set, a release turns ready only once it was verified.
A release in quarantine never turns ready.

To see how another release answers what users ask, set TURNOUT_SHADOW_URL to its Service and TURNOUT_SHADOW_SHARE to a
share of the searches (0 to 1; 0, the default, is off). At most two a second are copied, after they were answered.
GET /shadow shows which changed; with TURNOUT_SHADOW_TEXT=true their texts, too, to every client of the service.

SIGTERM: /readyz says 503, searches are still answered for --drain seconds, then the door closes and what is in
flight has --grace seconds to finish. A second signal skips the drain.
"""


@click.command(name="serve", epilog=EXAMPLES)
@click.option(
    "--release",
    "release_path",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="release.json of the release to serve.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--threads", default=0, show_default=True, type=click.IntRange(0), help="For the model; 0 for all cores.")
@click.option("--drain", "drain_s", default=0.0, show_default=True, type=click.FloatRange(0), help="Seconds.")
@click.option("--grace", "grace_s", default=30.0, show_default=True, type=click.FloatRange(0), help="Seconds.")
def command(release_path: Path, host: str, port: int, threads: int, drain_s: float, grace_s: float) -> None:
    """Run the retrieval service for one release.

    Starts at once and turns ready when the release's view is there and the model is the one that filled it; /readyz
    says what it waits for.
    """
    from turnout.elastic.async_reader import AsyncReader
    from turnout.elastic.client import connect_async
    from turnout.embedding.hosted import serving
    from turnout.embedding.store import load
    from turnout.retrieval import Address, Service, Source, run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # The client logs each request at INFO, and its URL names the index a few hundred times a second.
    logging.getLogger("elastic_transport").setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings = from_environment()
    release = read_release(release_path)
    template_hash = os.environ.get("POD_TEMPLATE_HASH", "")

    def count_bill(tokens: int, cost: float) -> None:
        service.metrics.billed(tokens, cost)

    source = Source(
        release=release,
        names=settings.names(release.collection),
        reader=AsyncReader(connect_async(settings.url, api_key=settings.read_key, ca=settings.ca)),
        load_model=lambda: load(
            release.model,
            settings.models,
            threads=threads,
            hosting=serving(release, settings.embedding_key, billed=count_bill),
        ),
        verified_only=bool(template_hash),
    )
    service = Service(source, pod_template_hash=template_hash, shadow=shadow_from(os.environ))
    run(service, Address(host=host, port=port, drain_s=drain_s, grace_s=grace_s))


def read_release(path: Path) -> Release:
    """The release in a file.

    Raises:
        BadInput: it isn't one.
    """
    import msgspec

    from turnout.release.fingerprint import decode

    try:
        return decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadInput(f"not a release: {error}", where=str(path), remedy="make it with `turnout lock`") from error


def shadow_from(environment: Mapping[str, str]) -> ShadowSettings:
    """What is mirrored, from TURNOUT_SHADOW_URL, TURNOUT_SHADOW_SHARE and TURNOUT_SHADOW_TEXT; empty is as not set.

    Raises:
        BadInput: not the address of a server, not a share, or neither true nor false.
    """
    from turnout.retrieval import ShadowSettings

    url = environment.get("TURNOUT_SHADOW_URL", "").strip()
    share = environment.get("TURNOUT_SHADOW_SHARE", "").strip() or "0"
    text = environment.get("TURNOUT_SHADOW_TEXT", "").strip().lower() or "false"
    if url and not _is_server(url):
        raise BadInput("not the address of a server", where="TURNOUT_SHADOW_URL", remedy="write http://host:port")
    try:
        part = float(share)
    except ValueError:
        part = -1.0
    if not 0 <= part <= 1:
        raise BadInput(f"{share!r} is not a share", where="TURNOUT_SHADOW_SHARE", remedy="write a number from 0 to 1")
    if text not in ("true", "false"):
        raise BadInput(f"{text!r} is neither", where="TURNOUT_SHADOW_TEXT", remedy="write true or false")
    return ShadowSettings(url=url, share=part, text=text == "true")


def _is_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and plain
