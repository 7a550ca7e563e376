"""Everything that a stack makes, in order: namespaces, Argo CD, secret references, projects, Applications."""

import pulumi

from .argo import application, argo_cd, project
from .namespaces import namespaces
from .notifications import argo_cd_messages
from .platform import platform_applications, platform_project
from .root import root_application, root_project
from .secrets import references, secret_references
from .settings import Settings


def build(settings: Settings) -> None:
    """Registers the resources of one stack with Pulumi."""
    made = namespaces(settings)
    secret_references(settings, made["turnout"])
    installed = argo_cd(made["argocd"])
    if settings.notifications:
        argo_cd_messages(installed)
    platform = project(platform_project(settings), installed)
    for wanted in platform_applications(settings):
        application(wanted, platform)
    application(root_application(settings), project(root_project(settings), installed))
    pulumi.export("clusters", [each.cluster for each in settings.clusters])
    if settings.secret_store is None:
        pulumi.export("secrets_to_bring", {each.name: f"{each.key}: {each.purpose}" for each in references(settings)})
