"""The messages of Argo CD about our Applications, from argocd/notifications.

Not in the root Application: a right to write ConfigMaps beside Argo CD would be one to write its settings and roles.
"""

from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s
import yaml

MESSAGES = Path(__file__).resolve().parents[2] / "argocd/notifications/messages.yaml"


def argo_cd_messages(installed: pulumi.Resource) -> pulumi.Resource:
    """Fills the data of the ConfigMap that Argo CD's installation brings empty."""
    found = yaml.safe_load(MESSAGES.read_text())
    return k8s.core.v1.ConfigMapPatch(
        "argo-cd-messages",
        api_version="v1",
        kind="ConfigMap",
        metadata=k8s.meta.v1.ObjectMetaPatchArgs(name=found["metadata"]["name"], namespace="argocd"),
        data=found["data"],
        opts=pulumi.ResourceOptions(depends_on=[installed]),
    )
