"""The Kubernetes cluster that the end-to-end stories run on; `Cluster` is what they use."""

from e2e.cluster.native import Cluster

__all__ = ["Cluster"]
