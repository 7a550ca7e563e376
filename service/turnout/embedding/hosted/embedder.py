"""The hosted runtime: texts in batches to an endpoint, within rate limit, concurrency, patience and budget.

Started by `turnout.embedding.store.load`. Each batch is booked with the limiter, paid from the purse, sent, checked and
put into its own rows, so that order and number of the vectors don't depend on when an answer comes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

import numpy as np

from turnout.embedding import Kind, Vectors
from turnout.embedding.hosted import tokens
from turnout.embedding.hosted.endpoint import Endpoint, Failure, Reply
from turnout.embedding.hosted.hosting import Hosting
from turnout.embedding.hosted.packing import Text
from turnout.embedding.hosted.protocols import Answer, WrongAnswer, protocol_of
from turnout.embedding.hosted.request import Request, Size, Terms
from turnout.embedding.pooling import finish
from turnout.errors import EnvironmentProblem, Refused, TurnoutError, Unavailable
from turnout.release.artifacts import Model
from turnout.release.endpoint import endpoint_problem, on_this_machine

# A float in JSON has at most some 25 characters; the rest is for what stands around the vectors.
_BYTES_PER_NUMBER = 32
_BYTES_AROUND = 1 << 20
_BYTES_PER_TEXT = 8  # texts that a provider sends back, escaped


class HostedEmbedder:
    """A model behind an endpoint. Safe to be called from several threads: they share limiter, purse and connections."""

    def __init__(self, model: Model, hosting: Hosting, *, url: str) -> None:
        self.dims = model.dims
        self.max_tokens = model.max_tokens
        self._model = model
        self._hosting = hosting
        self._protocol = protocol_of(model)
        self._where = url
        most = hosting.concurrency
        self._endpoint = Endpoint(
            url + self._protocol.path, key=hosting.key, timeout_s=hosting.timeout_s, connections=most
        )
        self._terms = Terms(model, hosting, url=url, now=time.monotonic())
        self._pool = ThreadPoolExecutor(most, thread_name_prefix="hosted")

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """See `Embedder`; estimated by the rule in `tokens`."""
        return tokens.spans(text)

    def embed(self, texts: Sequence[str], *, kind: Kind) -> Vectors:
        """See `Embedder`. A blank text isn't sent: it gets the constant vector of a text without tokens.

        Raises:
            Refused: the budget is used up, or the endpoint gives vectors of other dims.
            Unavailable: the endpoint failed for as long as the patience lasts.
            EnvironmentProblem: it doesn't want the request, or its answer can't be used.
        """
        prefix = getattr(self._model.prefixes, kind)
        cut = [tokens.cut(prefix + text, self.max_tokens) for text in texts]
        asked = [Text(place, text, size) for place, (text, size) in enumerate(cut) if text.strip()]
        vectors = np.zeros((len(texts), self.dims), np.float32)
        batches = self._terms.packed(asked)
        for batch, rows in zip(batches, self._all(batches, kind), strict=True):
            vectors[[text.place for text in batch]] = rows
        return finish(vectors, normalize=self._model.normalize)

    def close(self) -> None:
        """See `Embedder`."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._endpoint.close()

    def _all(self, batches: Sequence[Sequence[Text]], kind: Kind) -> list[Vectors]:
        """The vectors of all batches. After the first failure no further request is sent."""
        stop = threading.Event()
        calls: list[Future[Vectors]] = [
            self._pool.submit(self._embedded, [text.text for text in batch], Size.of(batch), kind, stop)
            for batch in batches
        ]
        try:
            done, _ = wait(calls, return_when=FIRST_EXCEPTION)
            failed = next((call for call in calls if call in done and call.exception()), None)
            if failed is not None:
                failed.result()
            return [call.result() for call in calls]
        except BaseException as error:
            stop.set()
            for call in calls:
                call.cancel()
            if isinstance(error, TurnoutError):
                wait(calls)  # what is under way is settled before anybody reads what was spent
            raise

    def _embedded(self, texts: Sequence[str], size: Size, kind: Kind, stop: threading.Event) -> Vectors:
        """One batch, tried again until it succeeds or there is no patience left."""
        question, request = self._protocol.question(texts, kind), Request(self._terms, size)
        while True:
            self._wait_for_turn(request, stop)
            found = self._attempt(request, question, texts)
            if isinstance(found, Answer):
                return found.vectors
            if not found.again:
                raise self._refusal(found)
            pause = request.failed(found.retry_after_s, now=time.monotonic())
            if pause is None:
                raise self._gave_up(found, request.failures)
            _sleep(pause, stop)

    def _wait_for_turn(self, request: Request, stop: threading.Event) -> None:
        now = time.monotonic()
        start = request.book(now)
        if start is None:
            raise Unavailable(
                f"the rate limit is reached, the next request may not go within {self._hosting.wait_s:g} s",
                where=self._where,
                remedy="raise embed.rate_limit in pipeline.yaml if the provider allows more",
            )
        _sleep(start - now, stop)

    def _attempt(self, request: Request, question: bytes, texts: Sequence[str]) -> Answer | Failure:
        """Send it once and settle what it cost, whatever comes of it."""
        request.pay(time.monotonic())
        billed: int | None = None
        try:
            most_bytes = _BYTES_AROUND + len(texts) * self.dims * _BYTES_PER_NUMBER + len(question) * _BYTES_PER_TEXT
            found = self._endpoint.ask(question, most_bytes=most_bytes)
            if isinstance(found, Failure):
                billed = None if found.billed else 0
                return found
            answer = self._read(found, texts)
            billed = answer.billed_tokens
            return answer
        finally:
            request.settle(billed)

    def _read(self, reply: Reply, texts: Sequence[str]) -> Answer:
        try:
            return self._protocol.answer(reply.body, texts)
        except WrongAnswer as error:
            if error.other_model:
                remedy = "ask for the model of the release; if the model did change, correct model.yaml and lock"
                raise Refused(self._said(error.what), where=self._where, remedy=remedy) from None
            remedy = "check that the endpoint speaks this protocol and runs an embedding model"
            raise EnvironmentProblem(self._said(error.what), where=self._where, remedy=remedy) from None

    def _said(self, what: str) -> str:
        return f"{self._model.id} can't be embedded with: {what}"

    def _refusal(self, failure: Failure) -> EnvironmentProblem:
        remedy = "check endpoint and id in model.yaml"
        if failure.status in (401, 403):
            remedy = "check the key in TURNOUT_EMBEDDING_API_KEY and that it may use the model"
        return EnvironmentProblem(f"the embedding endpoint {failure.what}", where=self._where, remedy=remedy)

    def _gave_up(self, failure: Failure, failures: int) -> Unavailable:
        asked = failure.retry_after_s
        rest = f" and asks to wait {asked:g} s" if asked else ""
        tries = f"after {failures} {'attempt' if failures == 1 else 'attempts'}"
        return Unavailable(
            f"the embedding endpoint {failure.what}{rest}; given up {tries}",
            where=self._where,
            remedy="try again later; what is embedded is kept",
        )


class _Stopped(Exception):
    """Another batch of the same call failed."""


def _sleep(seconds: float, stop: threading.Event) -> None:
    if stop.wait(max(0.0, seconds)):
        raise _Stopped


def start(model: Model, hosting: Hosting | None) -> HostedEmbedder:
    """An embedder for the model's endpoint, after one short text has shown that it answers with the right dims.

    Raises:
        Refused: the endpoint may not be asked, or gives vectors of other dims.
        EnvironmentProblem: there is no key, or the endpoint can't be used.
    """
    url = model.endpoint if isinstance(model.endpoint, str) else ""
    wrong = endpoint_problem(url)
    if wrong is not None:
        raise Refused(wrong.problem, where=model.id, remedy=wrong.remedy)
    if hosting is None:
        raise EnvironmentProblem(
            f"{model.id} is a hosted model, and nothing was handed down to ask for it with", where=url
        )
    _usable_key(hosting.key, url)
    embedder = HostedEmbedder(model, hosting, url=url)
    try:
        embedder.embed(["ready"], kind="query")
    except BaseException:
        embedder.close()
        raise
    return embedder


def _usable_key(key: str | None, url: str) -> None:
    remedy = "set TURNOUT_EMBEDDING_API_KEY to the key of the provider"
    if key is None and not on_this_machine(url):
        raise EnvironmentProblem("the embedding endpoint needs a key and there is none", where=url, remedy=remedy)
    # A line break would begin another header, and the client's error would quote the key.
    if key is not None and not (key.isascii() and key.isprintable() and key and " " not in key):
        raise EnvironmentProblem("the key has characters that no key has", where=url, remedy=remedy)
