"""The cost simulation against the real client: the same texts, limits and misbehaviour, once over HTTP and once on a
virtual clock.

Drives `HostedEmbedder` against the fake endpoint of `support` in real time, about half a minute a run, and simulates
that run with other luck. In each case something else binds: the limit of requests, that of tokens, or the endpoint's
own speed. The endpoint fails, loses answers that it bills, and has storms of 429 with Retry-After. Run by `make bench`;
writes the section `cost` of build/bench/gate.json. Exit code 1 if the error is above the limit.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.gate_file import keep
from support import embedding_endpoint as orders
from support.embedding_endpoint import EmbeddingEndpoint, embedding_endpoint, hosted_release
from turnout.cost.events import Client
from turnout.cost.provider import Luck, Provider, storms
from turnout.embedding.hosted import MemoryLedger, backfilling, tokens
from turnout.embedding.hosted.embedder import HostedEmbedder
from turnout.embedding.hosted.packing import Text
from turnout.embedding.hosted.request import Size
from turnout.embedding.hosted.retry import Patience
from turnout.release.artifacts import RateLimit, Release

LIMIT = 0.1
FIGURES = ("requests_per_hour", "spent", "requests", "seconds")
PAGE = 120
PRICE = 1e6  # a token costs 1
BILLED_PER_TOKEN = 0.75
PATIENCE = Patience(total_s=60.0, first_s=0.2, most_s=2.0)
TIMEOUT_S = 2.0
PROVIDER = Provider(
    latency_s=0.25,
    latency_spread=0.4,
    failing=0.06,
    lost=0.02,
    storms_per_hour=300.0,
    storm_s=2.0,
    retry_after_s=1.0,
    billed_per_token=BILLED_PER_TOKEN,
    patience=PATIENCE,
    timeout_s=TIMEOUT_S,
)


@dataclass(frozen=True)
class Case:
    """A run: how much is embedded, and what bounds it."""

    bound: str
    texts: int
    batch_size: int
    requests_per_minute: int
    tokens_per_minute: int


CASES = (
    Case("requests per minute", texts=500, batch_size=4, requests_per_minute=240, tokens_per_minute=10_000_000),
    Case("tokens per minute", texts=900, batch_size=8, requests_per_minute=100_000, tokens_per_minute=40_000),
    Case("the endpoint", texts=1200, batch_size=4, requests_per_minute=100_000, tokens_per_minute=10_000_000),
)


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    seconds: float
    requests: int
    spent: float

    @property
    def requests_per_hour(self) -> float:
        return self.requests / self.seconds * 3600


def measure(
    cases: tuple[Case, ...] = CASES, *, runs: int = 3, simulations: int = 25, seed: int = 20260101
) -> dict[str, Any]:
    """Run every case for real `runs` times, the cases side by side, and each of these on the virtual clock
    `simulations` times with other luck, but with the storms at the same seconds; the medians are compared."""
    pairs: dict[str, list[tuple[Outcome, list[Outcome]]]] = {case.bound: [] for case in cases}
    with ThreadPoolExecutor(len(cases)) as pool:
        for run in range(runs):
            found = pool.map(lambda case, place=run: _run(case, simulations, seed + place), cases)
            for case, pair in zip(cases, found, strict=True):
                pairs[case.bound].append(pair)
    compared = [_compared(bound, found) for bound, found in pairs.items()]
    worst = {name: max(each["relative_error"][name] for each in compared) for name in FIGURES}
    error = max(worst["requests_per_hour"], worst["spent"])
    return {"relative_error": error, "limit": LIMIT, "held": error <= LIMIT, "worst": worst, "cases": compared}


def _run(case: Case, simulations: int, seed: int) -> tuple[Outcome, list[Outcome]]:
    """One run for real, and its simulations."""
    texts = _texts(case.texts, seed)
    with embedding_endpoint() as endpoint:
        release = _release(endpoint, case)
        provider = replace(PROVIDER, latency_s=PROVIDER.latency_s + _overhead_s(endpoint, release, texts))
        real = _real(endpoint, release, texts, seed)
    return real, [_simulated(release, texts, provider, (seed, place)) for place in range(simulations)]


def _compared(bound: str, pairs: list[tuple[Outcome, list[Outcome]]]) -> dict[str, Any]:
    real = {name: statistics.median(getattr(each, name) for each, _ in pairs) for name in FIGURES}
    guesses = {
        name: statistics.median(statistics.median(getattr(each, name) for each in found) for _, found in pairs)
        for name in FIGURES
    }
    return {
        "bound_by": bound,
        "real": {name: round(value, 2) for name, value in real.items()},
        "simulated": {name: round(value, 2) for name, value in guesses.items()},
        "relative_error": {name: round(abs(guesses[name] - real[name]) / real[name], 4) for name in FIGURES},
    }


def _overhead_s(endpoint: EmbeddingEndpoint, release: Release, texts: list[str]) -> float:
    """What HTTP on this machine adds to the endpoint's own time, as the client sees it."""
    hosting = replace(backfilling(release, None), budget=float("inf"), rate_limit=RateLimit(10**6, 10**9))
    embedder = HostedEmbedder(release.model, hosting, url=endpoint.openai)
    seconds = []
    for _ in range(30):
        began = time.monotonic()
        embedder.embed(texts[:4], kind="passage")
        seconds.append(time.monotonic() - began)
    embedder.close()
    endpoint.asked.clear()
    return statistics.median(seconds)


def _texts(count: int, seed: int) -> list[str]:
    luck = random.Random(seed)
    return [" ".join(["word"] * min(100, 1 + int(luck.lognormvariate(2.8, 0.7)))) + f" {n}" for n in range(count)]


def _release(endpoint: EmbeddingEndpoint, case: Case) -> Release:
    limit = {"requests_per_minute": case.requests_per_minute, "tokens_per_minute": case.tokens_per_minute}
    pipeline = {"embed": {"batch_size": case.batch_size, "rate_limit": limit}}
    return hosted_release(endpoint, model={"price": {"per_million_tokens": PRICE}}, pipeline=pipeline)


def _pages(texts: list[str]) -> list[list[str]]:
    return [texts[first : first + PAGE] for first in range(0, len(texts), PAGE)]


def _real(endpoint: EmbeddingEndpoint, release: Release, texts: list[str], seed: int) -> Outcome:
    ledger = MemoryLedger()
    hosting = replace(
        backfilling(release, None, ledger=ledger),
        budget=float("inf"),
        patience=PATIENCE,
        timeout_s=TIMEOUT_S,
        rng=random.Random(seed),
    )
    embedder = HostedEmbedder(release.model, hosting, url=endpoint.openai)
    with _misbehaving(endpoint, seed):
        began = time.monotonic()
        for page in _pages(texts):
            embedder.embed(page, kind="passage")
        seconds = time.monotonic() - began
    embedder.close()
    return Outcome(seconds, len(endpoint.asked), ledger.load())


@contextmanager
def _misbehaving(endpoint: EmbeddingEndpoint, seed: int) -> Iterator[None]:
    """The provider's behaviour at the fake endpoint: decided by the wall clock when a request comes in."""
    luck, lock, began = random.Random(seed), threading.Lock(), time.monotonic()
    spells = storms(PROVIDER, seed)
    spell = [next(spells)]

    def decided(handler: Any, body: dict[str, Any]) -> None:
        now = time.monotonic() - began
        with lock:
            latency = PROVIDER.latency_s * luck.lognormvariate(0.0, PROVIDER.latency_spread)
            trouble = luck.random()
            while now >= spell[0][1]:
                spell[0] = next(spells)
            stormy = now >= spell[0][0]
        time.sleep(latency)
        if stormy:
            orders.status(429, f"{PROVIDER.retry_after_s:.0f}")(handler, body)
        elif trouble < PROVIDER.failing:
            orders.status(500)(handler, body)
        elif trouble < PROVIDER.trouble:
            time.sleep(TIMEOUT_S)  # it answers, and bills, but nobody listens any more
            handler.close_connection = True
        else:
            reply = endpoint.reply(handler.path, body)
            billed = round(sum(tokens.cut(text, 10**6)[1] for text in body["input"]) * BILLED_PER_TOKEN)
            reply["usage"] = {"prompt_tokens": billed, "total_tokens": billed}
            handler.send(200, reply)

    endpoint.orders.extend([decided] * 100_000)
    yield
    endpoint.orders.clear()


def _simulated(release: Release, texts: list[str], provider: Provider, seed: tuple[int, int]) -> Outcome:
    hosting = replace(backfilling(release, None), budget=float("inf"))
    luck = Luck(provider, *seed)
    client = Client(release.model, hosting, provider, luck=luck, storms=storms(provider, seed[0]))
    for page in _pages(texts):
        cut = (tokens.cut(text, release.model.max_tokens) for text in page)
        given = [Text(place, text, size) for place, (text, size) in enumerate(cut)]
        client.embed([Size.of(batch) for batch in client.terms.packed(given)])
    done = client.tally
    return Outcome(done.seconds, done.requests, done.tokens * PRICE / 1e6)


if __name__ == "__main__":
    measured = measure()
    keep("cost", measured)
    print(json.dumps(measured, indent=2))
    sys.exit(0 if measured["held"] else 1)
