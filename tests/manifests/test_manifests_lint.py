"""kube-score finds nothing that isn't waived with a reason, and no waiver outlives its finding."""

from __future__ import annotations

import pytest

from manifests.rendering import overlay
from support import lint_manifests
from support.lint_manifests import Finding, Waiver, all_findings, findings, found_in

BARE = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: search, namespace: turnout}
spec:
  selector: {matchLabels: {app: search}}
  template:
    metadata: {labels: {app: search}}
    spec: {containers: [{name: search, image: "turnout:latest"}]}
"""


def test_nothing_is_found_that_is_not_waived_and_every_waiver_covers_something() -> None:
    assert findings() == []


def test_every_overlay_is_looked_at_and_pods_of_rollouts_and_workers_are_seen() -> None:
    seen = {(each.rendering, each.name) for each in all_findings()}
    for name in ("ephemeral", "staging", "production", "production with components"):
        assert {(name, each) for each in ("search-python-docs", "turnout-controller", "follow", "fill")} <= seen
    assert overlay("production")


def test_a_rollout_without_limits_probes_or_a_pinned_image_is_found() -> None:
    checks = {each.check for each in found_in("bare", BARE)}
    assert {"container-image-tag", "container-resources", "pod-networkpolicy"} <= checks
    assert "container-security-context-user-group-id" in checks


def test_what_is_not_waived_and_what_is_waived_for_nothing_are_both_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Finding("staging", "Deployment", "search-a", "container-resources", "(search) CPU limit is not set")
    monkeypatch.setattr(lint_manifests, "all_findings", lambda: (found,))
    for elsewhere in (
        Waiver("container-image-tag", "*/*", "why"),
        Waiver("container-resources", "Job/*", "why"),
        Waiver("container-resources", "*/*", "why", rendering="production"),
    ):
        monkeypatch.setattr(lint_manifests, "waivers", lambda waiver=elsewhere: [waiver])
        told = findings()
        assert told[0] == str(found)
        assert "covers no finding any more" in told[1]
    monkeypatch.setattr(
        lint_manifests, "waivers", lambda: [Waiver("container-resources", "Deployment/search-*", "why")]
    )
    assert findings() == []
