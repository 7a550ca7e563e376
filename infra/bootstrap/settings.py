"""The configuration of a stack: typed, explained and checked before anything is made. Read by __main__ and render."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

import pulumi


class SettingsError(Exception):
    """A value in Pulumi.<stack>.yaml that can't be used; says which key and what to write."""


class Source(StrEnum):
    """Where a thing that search depends on comes from."""

    INSTALL = "install"  # Argo CD installs it, as an Application
    BRING = "bring"  # it is there already


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """One element of the ApplicationSet's list, as in argocd/clusters.yaml."""

    environment: str  # a folder of manifests/overlays
    cluster: str  # its name in Argo CD; `in-cluster` is the one that Argo CD runs in
    revision: str  # the branch that it follows


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One stack. Each key stands in Pulumi.<stack>.yaml as `turnout-infra:<key>`, in camelCase."""

    repository: str  # https URL of this repository, which Argo CD reads
    clusters: tuple[Cluster, ...]  # environment, cluster and revision of each Application; at least one
    revision: str = "main"  # branch that the folder argocd/ is read from
    prometheus: Source = Source.BRING  # install or bring; canaries are judged by it
    elasticsearch: Source = Source.BRING  # install (ECK) or bring
    elasticsearch_nodes: int = 3  # nodes of an installed Elasticsearch, 1 to 50
    elasticsearch_storage: str = "50Gi"  # disk of each node, such as 50Gi
    secret_store: str | None = None  # ClusterSecretStore to take secrets from; without it they are brought
    secret_path: str = "turnout"  # noqa: S105 - path in that store, before the names of the secrets
    notifications: bool = False  # messages about releases; needs their secrets (argocd/notifications)

    def __post_init__(self) -> None:
        """Raises SettingsError, naming the key and what to write."""
        _match("repository", self.repository, r"https://[\w.-]+(/[\w.-]+)+\.git", "https://github.com/OWNER/NAME.git")
        _match("revision", self.revision, r"[\w][\w./-]*", "a branch or a tag")
        _match("elasticsearchStorage", self.elasticsearch_storage, r"[1-9][0-9]*(Gi|Ti)", "50Gi")
        _match("secretPath", self.secret_path, r"[\w-]+(/[\w-]+)*", "turnout/staging")
        if self.secret_store is not None:
            _match(
                "secretStore", self.secret_store, r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", "the name of a ClusterSecretStore"
            )
        if not 1 <= self.elasticsearch_nodes <= 50:
            raise SettingsError(f"elasticsearchNodes is {self.elasticsearch_nodes}: write a number from 1 to 50")
        if not self.clusters:
            raise SettingsError("clusters is empty: name at least one {environment, cluster, revision}")
        for each in self.clusters:
            for name in ("environment", "cluster"):
                _match(f"clusters[].{name}", getattr(each, name), r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", "lower-case words")
            _match("clusters[].revision", each.revision, r"[\w][\w./-]*", "a branch or a tag")
        names = [each.cluster for each in self.clusters]
        if len(set(names)) < len(names):
            raise SettingsError(f"clusters names one cluster twice ({', '.join(names)}): one Application for each")


def settings_of_stack() -> Settings:
    """The settings of the stack that Pulumi runs. Raises SettingsError."""
    config = pulumi.Config()
    plain = {name: config.get(_camel(name)) for name in _names() if name != "clusters"}
    return settings_from({**plain, "clusters": config.get_object("clusters")})


def settings_from(values: Mapping[str, Any]) -> Settings:
    """Settings from plain values by field name; None counts as left out. Raises SettingsError."""
    given = {name: value for name, value in values.items() if value is not None}
    missing = [name for name in ("repository", "clusters") if name not in given]
    if missing:
        raise SettingsError(f"{missing[0]} is missing: pulumi config set turnout-infra:{missing[0]} ...")
    given["clusters"] = _clusters(given["clusters"])
    for name in ("prometheus", "elasticsearch"):
        if name in given:
            given[name] = _source(name, given[name])
    if "notifications" in given:
        given["notifications"] = _switch("notifications", given["notifications"])
    if "elasticsearch_nodes" in given:
        given["elasticsearch_nodes"] = _whole("elasticsearchNodes", given["elasticsearch_nodes"])
    return Settings(**given)


def unknown_keys(config: Mapping[str, Any]) -> list[str]:
    """Keys of a Pulumi.<stack>.yaml that no setting has: a typing mistake would otherwise be a default, silently."""
    known = {f"turnout-infra:{_camel(name)}" for name in _names()}
    return sorted(key for key in config if key not in known)


def _names() -> list[str]:
    return [each.name for each in fields(Settings)]


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _clusters(given: Any) -> tuple[Cluster, ...]:
    wanted = {each.name for each in fields(Cluster)}
    if not isinstance(given, list) or any(not isinstance(each, dict) or set(each) != wanted for each in given):
        raise SettingsError("clusters is a list of {environment, cluster, revision}, all three in each")
    if any(not isinstance(value, str) for each in given for value in each.values()):
        raise SettingsError("clusters: environment, cluster and revision are strings")
    return tuple(Cluster(**each) for each in given)


def _source(name: str, given: str) -> Source:
    try:
        return Source(given)
    except ValueError:
        raise SettingsError(f"{name} is {given!r}: write install or bring") from None


def _switch(name: str, given: Any) -> bool:
    if str(given).lower() not in {"true", "false"}:
        raise SettingsError(f"{name} is {given!r}: write true or false")
    return str(given).lower() == "true"


def _whole(name: str, given: Any) -> int:
    if isinstance(given, bool) or not str(given).isdigit():
        raise SettingsError(f"{name} is {given!r}: write a whole number")
    return int(str(given))


def _match(name: str, given: str, pattern: str, example: str) -> None:
    if not isinstance(given, str) or not re.fullmatch(pattern, given, re.ASCII):
        raise SettingsError(f"{name} is {given!r}: write {example}")
