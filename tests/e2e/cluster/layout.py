"""Where everything of the end-to-end cluster lies: folders, addresses and ports. Every module here asks this one.

The names are fixed because there is one cluster on a machine at a time: a second start finds what the first one left
and takes it away.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

NAME = "turnout-e2e"  # of the network namespace and of the cgroup root
NAMESPACE_FILE = Path("/run/netns") / NAME
CLAIM_FILE = Path("/run") / f"{NAME}.claim"  # locked by whoever owns the machine's cluster; holds its run folder
TOOLS = Path(__file__).resolve().parent.parent / "tools"

HOST = "10.44.0.1"  # the bridge: programs in the namespace, as pods see them
POD_NETWORK = "10.44.0.0/16"
SERVICE_NETWORK = "10.96.0.0/16"
NODE = "node1"
PAUSE_IMAGE = "turnout.local/pause:1"

PORTS = {
    "etcd": 12379,
    "etcd-peer": 12380,
    "kube-apiserver": 16443,
    "kube-controller-manager": 16257,
    "kube-scheduler": 16259,
    "kubelet": 10248,
    "kube-proxy": 10256,
    "prometheus": 19090,
    "rollouts-controller": 18082,
    "rollouts-metrics": 18090,
    "redis-server": 16379,
    "argocd-repo-server": 18081,
    "argocd-repo-server-metrics": 18084,
    "argocd-application-controller": 18083,
    "argocd-applicationset-controller": 18085,
    "argocd-applicationset-metrics": 18086,
    "argocd-applicationset-webhook": 18087,
}


@dataclass(frozen=True)
class Layout:
    """The folders below `build`, the project's build folder.

    `bin` and `root` come from caches and outlive a cluster, `run` doesn't.
    """

    build: Path

    @property
    def home(self) -> Path:
        return self.build / "e2e"

    @property
    def bin(self) -> Path:
        """The programs built from Go modules."""
        return self.home / "bin"

    @property
    def cache(self) -> Path:
        """One folder of binaries for each Go module and key; a build server keeps this folder."""
        return self.home / "cache"

    @property
    def root(self) -> Path:
        """Debian packages, unpacked and not installed."""
        return self.home / "root"

    @property
    def run(self) -> Path:
        """State, logs, keys and sockets of the cluster that runs."""
        return self.home / "run"

    @property
    def log(self) -> Path:
        return self.run / "log"

    @property
    def pki(self) -> Path:
        return self.run / "pki"

    @property
    def config(self) -> Path:
        return self.run / "config"

    @property
    def kubeconfig(self) -> Path:
        return self.run / "admin.kubeconfig"

    @property
    def containerd_socket(self) -> Path:
        return self.run / "containerd.sock"

    @property
    def search_path(self) -> str:
        """PATH of every program of the cluster: ours first, then Debian's, then the machine's."""
        debian = [str(self.root / "usr" / "sbin"), str(self.root / "usr" / "bin")]
        return ":".join([str(self.bin), *debian, "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])

    def debian(self, name: str) -> str:
        """The path of an unpacked program, for example ``prometheus``."""
        for folder in ("usr/bin", "usr/sbin"):
            if (self.root / folder / name).exists():
                return str(self.root / folder / name)
        return str(self.root / "usr" / "bin" / name)

    @property
    def library_path(self) -> str:
        """LD_LIBRARY_PATH for unpacked programs that need more than the C library."""
        return ":".join(str(folder) for folder in sorted((self.root / "usr" / "lib").glob("*-linux-gnu")))
