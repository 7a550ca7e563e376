"""References to secrets: names and places, never a value. External Secrets fetches them where a store is named."""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from .settings import Settings


@dataclass(frozen=True)
class SecretReference:
    """A Secret in the namespace `turnout` that manifests/ names."""

    name: str
    key: str
    purpose: str


REFERENCES = (
    SecretReference("turnout-elasticsearch-read", "api-key", "search pods, workers, controller: read"),
    SecretReference("turnout-elasticsearch-write", "api-key", "workers, controller: write views, state and the alias"),
    SecretReference("turnout-git", "token", "controller: propose the revert of a failed release"),
)

CHAT = SecretReference("argo-rollouts-notification-secret", "chat-url", "Argo Rollouts: where its messages go")


def references(settings: Settings) -> tuple[SecretReference, ...]:
    """The Secrets that this stack needs."""
    return (*REFERENCES, CHAT) if settings.notifications else REFERENCES


def secret_references(settings: Settings, parent: pulumi.Resource) -> None:
    """An ExternalSecret for each reference, if the stack names a store; else they are brought by hand."""
    if settings.secret_store is None:
        return
    for reference in references(settings):
        remote = {"key": f"{settings.secret_path}/{reference.name}", "property": reference.key}
        k8s.apiextensions.CustomResource(
            f"secret-{reference.name}",
            api_version="external-secrets.io/v1",
            kind="ExternalSecret",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=reference.name, namespace="turnout"),
            spec={
                "refreshInterval": "1h",
                "secretStoreRef": {"kind": "ClusterSecretStore", "name": settings.secret_store},
                "target": {"name": reference.name, "creationPolicy": "Owner"},
                "data": [{"secretKey": reference.key, "remoteRef": remote}],
            },
            opts=pulumi.ResourceOptions(depends_on=[parent]),
        )
