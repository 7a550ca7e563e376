"""What `turnout controller` takes from its environment, and what it makes of it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from turnout.cli.settings import Settings
from turnout.errors import BadInput, Refused

if TYPE_CHECKING:
    from turnout.controller.judging import Judge, Judging
    from turnout.controller.tools import Tools
    from turnout.githost import GitHost
    from turnout.kube.client import Client

# An answer that takes longer is no answer: the next round asks again.
_ELASTIC_TIMEOUT_S = 10.0
_PROMETHEUS_TIMEOUT_S = 5.0
# Shorter than whoever asks for a judgment waits: while Elasticsearch is away a canary can still fail.
_LOOKUP_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class ControllerSettings:
    """What the controller takes from its environment beside `Settings`. The token is read anew whenever it is used."""

    namespace: str
    """Where it works, and nowhere else. TURNOUT_NAMESPACE, else turnout."""
    identity: str
    """Who this replica is. POD_NAME, else the host's name and the process id."""
    in_cluster: bool
    """Whether this is a pod; outside, kubectl's configuration is used."""
    git_api_url: str
    """The Git host's API. TURNOUT_GIT_API_URL, else GitHub's."""
    git_repository: str
    """`owner/name`. TURNOUT_GIT_REPOSITORY; without it no revert is proposed."""
    git_branch: str
    """The branch that reverts are proposed to. TURNOUT_GIT_BRANCH, else main."""
    git_token_file: Path | None
    """A file with the Git host's token. TURNOUT_GIT_TOKEN_FILE; without it no revert is proposed."""
    period_s: float
    """Seconds between two rounds of a collection. TURNOUT_CONTROLLER_PERIOD_S, else 5."""
    drain_s: float
    """Seconds that nobody may have searched a view before it is deleted. TURNOUT_CONTROLLER_DRAIN_S, else 60."""
    spare_s: float
    """Age in seconds from which a release ConfigMap that nothing names is deleted. TURNOUT_CONTROLLER_SPARE_S, else
    3600."""
    prometheus_url: str
    """Where canaries' searches are counted. TURNOUT_PROMETHEUS_URL; without it every judgment is inconclusive."""
    prometheus_token_file: Path | None
    """A file with a bearer token for Prometheus. TURNOUT_PROMETHEUS_TOKEN_FILE."""
    judge_window_s: float
    """Seconds of each window that a canary is judged by. TURNOUT_JUDGE_WINDOW_S, else 30."""
    probe_every_s: float
    """Seconds after which the stable release is asked its query set again, 0 for never. TURNOUT_PROBE_EVERY_S, else
    86400."""
    probe_per_s: float
    """Queries of a query set that each release is asked in a second. TURNOUT_PROBE_PER_S, else 5."""
    parity_every_s: float
    """Seconds after which a followed view is compared with documents again, 0 for never. TURNOUT_PARITY_EVERY_S, else
    21600."""


def controller_settings() -> ControllerSettings:
    """The settings of this process.

    Raises:
        BadInput: one isn't a number.
    """
    env = os.environ
    token, prometheus_token = env.get("TURNOUT_GIT_TOKEN_FILE", ""), env.get("TURNOUT_PROMETHEUS_TOKEN_FILE", "")
    return ControllerSettings(
        namespace=env.get("TURNOUT_NAMESPACE", "turnout"),
        identity=env.get("POD_NAME") or f"{socket.gethostname()}-{os.getpid()}",
        in_cluster="KUBERNETES_SERVICE_HOST" in env and "KUBECONFIG" not in env,
        git_api_url=env.get("TURNOUT_GIT_API_URL") or "https://api.github.com",
        git_repository=env.get("TURNOUT_GIT_REPOSITORY", ""),
        git_branch=env.get("TURNOUT_GIT_BRANCH") or "main",
        git_token_file=Path(token) if token else None,
        period_s=_seconds("TURNOUT_CONTROLLER_PERIOD_S", 5.0, least=0.1),
        drain_s=_seconds("TURNOUT_CONTROLLER_DRAIN_S", 60.0, least=0.0),
        spare_s=_seconds("TURNOUT_CONTROLLER_SPARE_S", 3600.0, least=0.0),
        prometheus_url=env.get("TURNOUT_PROMETHEUS_URL", ""),
        prometheus_token_file=Path(prometheus_token) if prometheus_token else None,
        judge_window_s=_seconds("TURNOUT_JUDGE_WINDOW_S", 30.0, least=1.0, most=3600.0),
        probe_every_s=_seconds("TURNOUT_PROBE_EVERY_S", 86_400.0, least=0.0),
        probe_per_s=_seconds("TURNOUT_PROBE_PER_S", 5.0, least=0.01),
        parity_every_s=_seconds("TURNOUT_PARITY_EVERY_S", 21_600.0, least=0.0),
    )


def _seconds(name: str, default: float, *, least: float, most: float = 1e9) -> float:
    text = os.environ.get(name) or str(default)
    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    if not least <= seconds <= most:
        raise BadInput(
            f"{text!r} is no number of seconds from {least:g} to {most:g}", where=name, remedy="correct the setting"
        )
    return seconds


def judging(settings: Settings, ours: ControllerSettings, client: Client) -> Judging:
    """What judges canaries in this process, for Argo Rollouts and for the leader."""
    from turnout.controller.judging import Judging
    from turnout.controller.probing_judgment import with_stored_quality
    from turnout.controller.trial import Trials
    from turnout.kube.reader import Reader as KubeReader

    trials = Trials(KubeReader(client, ours.namespace), window_s=ours.judge_window_s)
    reader = settings.reader(timeout_s=_LOOKUP_TIMEOUT_S)
    finish = with_stored_quality(reader, settings.names)
    return Judging(trials, _judge(ours) if ours.prometheus_url else None, finish=finish)


def _judge(ours: ControllerSettings) -> Judge:
    from turnout.canary.judgment import Judgment
    from turnout.judge.traffic import judge_traffic
    from turnout.judge.trial import Trial
    from turnout.prometheus.client import Prometheus
    from turnout.release.artifacts import CanaryGates

    @lru_cache(maxsize=1)
    def prometheus(token: str) -> Prometheus:
        headers = {"Authorization": f"Bearer {token}"} if token else None
        return Prometheus(ours.prometheus_url, timeout_s=_PROMETHEUS_TIMEOUT_S, headers=headers)

    def judge(trial: Trial, gates: CanaryGates) -> Judgment:
        # With the token as it is now: a secret is renewed without a restart.
        return judge_traffic(trial, gates, prometheus(_token(ours.prometheus_token_file)), now=time.time())

    return judge


def tools_maker(
    settings: Settings, ours: ControllerSettings, client: Client, *, judges: Judging | None = None
) -> Callable[[str, Callable[[], None]], Tools]:
    """Makes a collection's tools; all share their connections, and `judges`."""
    from turnout.controller.tools import Tools
    from turnout.ingest.documents import utc_now
    from turnout.kube.reader import Reader as KubeReader
    from turnout.kube.writer import Writer as KubeWriter

    reader = settings.reader(timeout_s=_ELASTIC_TIMEOUT_S)
    writer = settings.writer(timeout_s=_ELASTIC_TIMEOUT_S)

    def make(collection: str, check: Callable[[], None]) -> Tools:
        return Tools(
            kube=KubeReader(client, ours.namespace),
            kube_writer=KubeWriter(client, ours.namespace),
            elastic=reader,
            elastic_writer=writer,
            names=settings.names(collection),
            host=lambda: _git_host(ours),
            check=check,
            now=utc_now,
            drain_s=ours.drain_s,
            spare_s=ours.spare_s,
            judging=judges,
            probe_every_s=ours.probe_every_s,
            probe_per_s=ours.probe_per_s,
            parity_every_s=ours.parity_every_s,
            environment=settings.environment,
        )

    return make


def _git_host(ours: ControllerSettings) -> GitHost:
    """The Git host, with the token as it is now: a secret is renewed without a restart.

    Raises:
        Refused: none is configured.
    """
    from turnout.githost.github import connect

    token = _token(ours.git_token_file)
    if not (ours.git_repository and token):
        raise Refused(
            "no revert is proposed: no Git repository or token is configured",
            remedy="set TURNOUT_GIT_REPOSITORY and TURNOUT_GIT_TOKEN_FILE, or revert the commit by hand",
        )
    return connect(ours.git_api_url, ours.git_repository, ours.git_branch, token)


def _token(file: Path | None) -> str:
    try:
        return file.read_text().strip() if file else ""
    except OSError:
        return ""  # an optional Secret that isn't there is an empty folder
