"""SECURITY.md says who may talk to whom, which Secrets there are and who holds them: as the manifests say it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from manifests.rendering import Object, all_of, overlay, pod_template
from support.go_modules import ROOT

SECURITY = (ROOT / "SECURITY.md").read_text()
COMPONENT = "app.kubernetes.io/component"


def lines() -> list[str]:
    """A line of the table for each rule of each network policy."""
    policies = all_of(overlay("production"), "NetworkPolicy")
    return [f"| {' | '.join(row)} |" for policy in policies for row in rows(policy)]


def rows(policy: Object) -> Iterator[tuple[str, ...]]:
    """Policy, pods, direction, peer and ports of each rule."""
    name, spec = f"`{policy['metadata']['name']}`", policy["spec"]
    ways = (("ingress", "from", "from"), ("egress", "to", "to"))
    if not any(spec.get(way) for way, _, _ in ways):
        yield name, pods(spec["podSelector"]), "both", "nobody", "none"
    for way, key, word in ways:
        for rule in spec.get(way, []):
            ports = ", ".join(sorted({str(port["port"]) for port in rule["ports"]}))
            for peer in rule[key]:
                yield name, pods(spec["podSelector"]), word, peer_of(peer), ports


def pods(selector: Any) -> str:
    """The pods that a policy is for."""
    if not selector:
        return "all"
    named = [selector["matchLabels"][COMPONENT]] if "matchLabels" in selector else []
    for each in selector.get("matchExpressions", []):
        assert (each["key"], each["operator"]) == (COMPONENT, "In")
        named += each["values"]
    return ", ".join(named)


def peer_of(peer: Any) -> str:
    """Who is on the other side."""
    if "ipBlock" in peer:
        return f"{peer['ipBlock']['cidr']} but {', '.join(peer['ipBlock']['except'])}"
    inside = peer.get("podSelector", {}).get("matchLabels", {})
    if "namespaceSelector" not in peer:
        return f"{inside[COMPONENT]} pods"
    [(key, value)] = peer["namespaceSelector"]["matchLabels"].items()
    space = f"namespace `{value}`" if key == "kubernetes.io/metadata.name" else f"namespaces with `{key}: {value}`"
    return f"{space}, {', '.join(f'`{k}: {v}`' for k, v in inside.items())}" if inside else space


def test_the_table_of_network_policies_is_that_of_the_manifests() -> None:
    table = SECURITY.partition("## Network")[2].partition("\n## ")[0]
    told = [line for line in table.splitlines() if line.startswith("| `")]
    assert told == lines()


def test_every_secret_that_a_pod_reads_is_in_the_table_of_credentials_with_its_holders() -> None:
    table = SECURITY.partition("## Credentials")[2].partition("\n## ")[0]
    rows = {line.split("|")[1].strip(): line.split("|")[2] for line in table.splitlines() if line.startswith("| `")}
    holders = {"Rollout": "search pods", "PodTemplate": "workers", "Deployment": "controller"}
    held = set()
    for each, secret in product(overlay("production"), rows):
        template = pod_template(each)
        if template and f"'{secret.strip('`')}'" in str(template):
            held.add((secret, holders[each["kind"]]))
    for secret, told in rows.items():
        if secret.startswith("`turnout-"):
            assert {who for name, who in held if name == secret} == {who.strip() for who in told.split(",")}, secret


def test_what_it_names_is_there() -> None:
    for path in ("manifests/examples/admission", ".github/renovate.json", "manifests/components/elasticsearch-ca"):
        assert path in SECURITY
        assert (ROOT / path).exists()
