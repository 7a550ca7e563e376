"""The programs of the cluster: how each is started, what it waits for, and how one sees that it is ready.

`Cluster` starts them along `needs`, as parallel as those allow. Names are those of the binaries.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from e2e.cluster.layout import HOST, NODE, PORTS, SERVICE_NETWORK, TOOLS, Layout
from e2e.cluster.waiting import answers, listens, logs

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Program:
    """One program; `needs` are names of programs or steps that must be ready before it starts."""

    name: str
    argv: list[str]
    needs: tuple[str, ...] = ()
    ready: Callable[[], bool] | None = None
    env: dict[str, str] = field(default_factory=dict)


def programs(layout: Layout) -> list[Program]:
    return [*_control_plane(layout), *_node(layout), *_observing(layout), _rollouts(layout), *_argocd(layout)]


def _control_plane(layout: Layout) -> list[Program]:
    etcd, peer = f"http://127.0.0.1:{PORTS['etcd']}", f"http://127.0.0.1:{PORTS['etcd-peer']}"
    client = [f"--kubeconfig={layout.kubeconfig}", "--leader-elect=false", "--bind-address=127.0.0.1"]
    store = Program(
        "etcd",
        [
            *(str(layout.bin / "etcd"), f"--data-dir={layout.run / 'etcd'}", "--unsafe-no-fsync"),
            *(f"--listen-client-urls={etcd}", f"--advertise-client-urls={etcd}", f"--listen-peer-urls={peer}"),
            *(f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}"),
        ],
        ready=answers("etcd", "/health"),
    )
    manager = Program(
        "kube-controller-manager",
        [
            *(str(layout.bin / "kube-controller-manager"), *client, f"--cert-dir={layout.pki / 'controller-manager'}"),
            f"--secure-port={PORTS['kube-controller-manager']}",
            f"--service-account-private-key-file={layout.pki / 'sa.key'}",
            f"--root-ca-file={layout.pki / 'ca.crt'}",
        ],
        needs=("kube-apiserver",),
        ready=answers("kube-controller-manager", tls=True),
    )
    scheduler = Program(
        "kube-scheduler",
        [
            *(str(layout.bin / "kube-scheduler"), *client, f"--cert-dir={layout.pki / 'scheduler'}"),
            f"--secure-port={PORTS['kube-scheduler']}",
        ],
        needs=("kube-apiserver",),
        ready=answers("kube-scheduler", tls=True),
    )
    return [store, _api_server(layout, etcd), manager, scheduler]


def _api_server(layout: Layout, etcd: str) -> Program:
    keys = layout.pki
    argv = [
        *(str(layout.bin / "kube-apiserver"), f"--etcd-servers={etcd}"),
        # Pods come to this address by the service `kubernetes`; loopback isn't allowed as an endpoint.
        *("--bind-address=0.0.0.0", f"--advertise-address={HOST}", f"--secure-port={PORTS['kube-apiserver']}"),
        *(f"--tls-cert-file={keys / 'apiserver.crt'}", f"--tls-private-key-file={keys / 'apiserver.key'}"),
        *(f"--client-ca-file={keys / 'ca.crt'}", f"--token-auth-file={keys / 'tokens.csv'}"),
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={keys / 'sa.pub'}",
        f"--service-account-signing-key-file={keys / 'sa.key'}",
        *("--authorization-mode=Node,RBAC", f"--service-cluster-ip-range={SERVICE_NETWORK}"),
        *("--allow-privileged=true", "--kubelet-preferred-address-types=InternalIP", "--profiling=false"),
        "--feature-gates=ImageVolume=true",  # else volumes from images, which a policy must look at, are left out
    ]
    return Program("kube-apiserver", argv, ("etcd",), answers("kube-apiserver", "/readyz", tls=True))


def _node(layout: Layout) -> list[Program]:
    debian = {"LD_LIBRARY_PATH": layout.library_path}  # of runc and nft, which these two start
    kubelet = [
        *(str(layout.bin / "kubelet"), f"--kubeconfig={layout.kubeconfig}", f"--config={layout.config}/kubelet.yaml"),
        *(f"--root-dir={layout.run / 'kubelet'}", f"--cert-dir={layout.pki / 'kubelet'}"),
        *(f"--hostname-override={NODE}", f"--node-ip={HOST}"),
    ]
    proxy = [str(layout.bin / "kube-proxy"), f"--config={layout.config / 'kube-proxy.yaml'}"]
    runtime = [layout.debian("containerd"), "--config", str(layout.config / "containerd.toml")]
    log = layout.log / "containerd.log"
    return [
        # It takes connections before it takes the kubelet's calls, and the kubelet ends when it asks too early.
        Program("containerd", runtime, ready=logs(log, "starting containerd", "Start streaming server"), env=debian),
        Program("kubelet", kubelet, ("kube-apiserver", "pause-image"), answers("kubelet")),
        Program("kube-proxy", proxy, ("kube-apiserver",), answers("kube-proxy"), debian),
    ]


def _observing(layout: Layout) -> list[Program]:
    prometheus = [
        *(layout.debian("prometheus"), f"--config.file={layout.config / 'prometheus.yaml'}"),
        *(f"--storage.tsdb.path={layout.run / 'prometheus'}", "--storage.tsdb.retention.time=6h"),
        f"--web.listen-address=0.0.0.0:{PORTS['prometheus']}",  # of the namespace: the controller's pods ask it too
    ]
    targets = layout.run / "targets" / "pods.json"
    discovery = [sys.executable, "-m", "e2e.cluster.discovery", str(layout.kubeconfig), str(targets)]
    return [
        Program("prometheus", prometheus, ready=answers("prometheus", "/-/ready")),
        Program(
            "discovery",
            discovery,
            ("kube-apiserver",),
            targets.exists,
            {"PYTHONPATH": str(TOOLS.parent.parent), "PYTHONDONTWRITEBYTECODE": "1"},
        ),
    ]


def _rollouts(layout: Layout) -> Program:
    argv = [
        *(str(layout.bin / "rollouts-controller"), f"--kubeconfig={layout.kubeconfig}", "--leader-elect=false"),
        *(f"--healthzPort={PORTS['rollouts-controller']}", f"--metricsPort={PORTS['rollouts-metrics']}"),
        "--self-service-notification-enabled",  # messages come from the namespace of the Rollout
    ]
    return Program("rollouts-controller", argv, ("rollouts-objects",), answers("rollouts-controller"))


def _argocd(layout: Layout) -> list[Program]:
    home, redis = layout.run / "argocd", f"127.0.0.1:{PORTS['redis-server']}"
    env = {
        "ARGOCD_FAKE_IN_CLUSTER": "true",  # "this cluster" is the kubeconfig's
        "ARGOCD_TLS_DATA_PATH": str(home / "tls"),
        "ARGOCD_SSH_DATA_PATH": str(home / "ssh"),
        "ARGOCD_GNUPGHOME": str(home / "gpg"),
        "ARGOCD_GPG_ENABLED": "false",
        "KUBECONFIG": str(layout.kubeconfig),  # the ApplicationSet controller takes no flag for some of its clients
        "HOSTNAME": "argocd-application-controller-0",
        "TMPDIR": str(home / "tmp"),
    }
    server = ["--repo-server-plaintext", "--logformat=text"]
    client = [f"--kubeconfig={layout.kubeconfig}", "--namespace=argocd", *server]
    address = f"127.0.0.1:{PORTS['argocd-repo-server']}"
    repository = [
        *("--address=127.0.0.1", f"--port={PORTS['argocd-repo-server']}", "--metrics-address=127.0.0.1"),
        *(f"--metrics-port={PORTS['argocd-repo-server-metrics']}", f"--redis={redis}", "--disable-tls"),
        *("--client-ca-path=", "--logformat=text"),
    ]
    applications = [
        *(*client, f"--repo-server={address}", f"--redis={redis}", "--app-resync=10", "--app-resync-jitter=0"),
        f"--metrics-port={PORTS['argocd-application-controller']}",
    ]
    sets = [
        *(*client, f"--argocd-repo-server={address}", "--enable-leader-election=false"),
        f"--probe-addr=127.0.0.1:{PORTS['argocd-applicationset-controller']}",
        f"--metrics-addr=127.0.0.1:{PORTS['argocd-applicationset-metrics']}",
        f"--webhook-addr=127.0.0.1:{PORTS['argocd-applicationset-webhook']}",
    ]
    parts = {
        "argocd-repo-server": (repository, answers("argocd-repo-server-metrics")),
        "argocd-application-controller": (applications, answers("argocd-application-controller")),
        # Its health port knows no check and answers 404.
        "argocd-applicationset-controller": (sets, answers("argocd-applicationset-metrics", "/metrics")),
    }
    store = [layout.debian("redis-server"), "--port", str(PORTS["redis-server"]), "--bind", "127.0.0.1", "--save", ""]
    return [
        Program("redis-server", store, ready=listens("redis-server"), env={"LD_LIBRARY_PATH": layout.library_path}),
        *(
            Program(name, [str(layout.bin / name), *argv], ("argocd-objects", "redis-server"), ready, env)
            for name, (argv, ready) in parts.items()
        ),
    ]
