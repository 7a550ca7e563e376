"""The configuration files of the cluster's programs, as text; pure, written to `run/config` by `write_config`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

from e2e.cluster.cgroups import PODS
from e2e.cluster.layout import HOST, NODE, PAUSE_IMAGE, POD_NETWORK, PORTS, Layout

if TYPE_CHECKING:
    from collections.abc import Callable

SCRAPE_SECONDS = 2


def write_config(layout: Layout) -> None:
    rendered: dict[str, Callable[[Layout], str]] = {
        "containerd.toml": containerd,
        "cni/10-bridge.conflist": container_network,
        "kubelet.yaml": kubelet,
        "kube-proxy.yaml": kube_proxy,
        "prometheus.yaml": prometheus,
    }
    for name, render in rendered.items():
        path = layout.config / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(layout))


def containerd(layout: Layout) -> str:
    """Everything that containerd keeps lies below the run folder, network namespaces of pods too."""
    quoted = {
        "root": layout.run / "containerd" / "root",
        "state": layout.run / "containerd" / "state",
        "socket": layout.containerd_socket,
        "plugins": layout.root / "usr" / "lib" / "cni",
        "network": layout.config / "cni",
        "runc": layout.debian("runc"),
    }
    return _CONTAINERD.format(pause=json.dumps(PAUSE_IMAGE), **{k: json.dumps(str(v)) for k, v in quoted.items()})


_CONTAINERD = """\
version = 2
root = {root}
state = {state}
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing", "io.containerd.internal.v1.opt",
]
[grpc]
  address = {socket}
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = {pause}
  disable_apparmor = true
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = {plugins}
    conf_dir = {network}
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = {runc}
        SystemdCgroup = false
"""


def container_network(layout: Layout) -> str:
    """Pods hang on one bridge, with addresses from a file store. Hairpin: a pod may be its own service's target."""
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": POD_NETWORK, "rangeStart": "10.44.1.0", "gateway": HOST}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(layout.run / "addresses"),
    }
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True, "ipam": addresses}
    return json.dumps({"cniVersion": "0.4.0", "name": "e2e", "plugins": [bridge]}, indent=2)


def kubelet(layout: Layout) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": "0.0.0.0",  # noqa: S104 - of the namespace
            "readOnlyPort": 0,
            "healthzPort": PORTS["kubelet"],
            # Only the namespace reaches it; the API server fetches logs without a certificate.
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "containerRuntimeEndpoint": f"unix://{layout.containerd_socket}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": PODS,
            "enforceNodeAllocatable": ["pods"],
            "failSwapOn": False,
            "failCgroupV1": False,
            # The disk is the machine's: how full it is says nothing about this cluster.
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
            "resolvConf": "",
            "clusterDomain": "cluster.local",
            "volumePluginDir": str(layout.run / "kubelet-plugins"),
            "podLogsDir": str(layout.run / "pod-log"),
            "syncFrequency": "10s",
            "nodeStatusUpdateFrequency": "5s",
            "makeIPTablesUtilChains": False,
            "serializeImagePulls": False,
        }
    )


def kube_proxy(layout: Layout) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": str(layout.kubeconfig)},
            "mode": "nftables",
            "bindAddress": "0.0.0.0",  # noqa: S104 - of the namespace
            "healthzBindAddress": f"127.0.0.1:{PORTS['kube-proxy']}",
            "metricsBindAddress": "127.0.0.1:10249",
            "clusterCIDR": POD_NETWORK,
            "conntrack": {"maxPerCore": 0, "min": 0},  # those limits belong to the whole machine
            "hostnameOverride": NODE,
        }
    )


def prometheus(layout: Layout) -> str:
    """Debian builds Prometheus without its Kubernetes discovery, so `discovery` writes the targets into a file."""
    pods = {
        "job_name": "pods",
        "honor_labels": True,  # our metrics say their own collection; the target's fills in where they don't
        "file_sd_configs": [{"files": [str(layout.run / "targets" / "pods.json")], "refresh_interval": "1s"}],
    }
    times = {"scrape_interval": f"{SCRAPE_SECONDS}s", "evaluation_interval": f"{SCRAPE_SECONDS}s"}
    return yaml.safe_dump({"global": {**times, "scrape_timeout": f"{SCRAPE_SECONDS}s"}, "scrape_configs": [pods]})
