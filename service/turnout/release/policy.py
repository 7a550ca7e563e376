"""The policy file, which holds for every collection. Called by the verbs; judged by `turnout.plan.policy`.

A file that can't be read counts as the strict defaults, and a permission that has ended as none: a mistake in it never
permits anything.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from turnout.release.artifacts import LimitsPolicy, Policy, RateLimitPolicy, RetentionPolicy, WorstHourPolicy
from turnout.release.days import expiry_finding, known_day
from turnout.release.document import Document
from turnout.release.findings import Finding
from turnout.release.schema import convert
from turnout.release.yaml_reader import read_yaml

POLICY_FILE = "pipelines/policy.yaml"
"""Where it lies, from the root."""


def read_policy(data: bytes | None, *, today: str) -> tuple[Policy, list[Finding]]:
    """The policy that a file gives, and what is wrong with the file.

    Args:
        data: the file's content; None if there is none.
        today: ISO date (UTC), for permissions to delete.

    Raises:
        BadInput: today is no date.
    """
    now = known_day(today)
    if data is None:
        return Policy(), []
    document, findings = read_yaml(POLICY_FILE, data)
    if document is None:
        return Policy(), findings
    policy, findings = convert("policy", document, Policy)
    if policy is None:
        return Policy(), findings
    bad = dict(_deletions(document, policy, now))
    holding = [deletion for place, deletion in enumerate(policy.deletions) if place not in bad]
    return msgspec.structs.replace(policy, deletions=holding), list(bad.values())


def stricter(one: Policy, other: Policy) -> Policy:
    """The stricter of two policies in every point, with the permissions to delete of the second.

    For the gate: a change can't loosen the policy that it is judged by. The loosened policy holds once it is merged.
    """
    allowed = {licence.casefold() for licence in one.licences}
    return Policy(
        licences=[licence for licence in other.licences if licence.casefold() in allowed],
        rate_limit=RateLimitPolicy(max_increase=min(one.rate_limit.max_increase, other.rate_limit.max_increase)),
        worst_hour=WorstHourPolicy(max_share=min(one.worst_hour.max_share, other.worst_hour.max_share)),
        limits=LimitsPolicy(min_share=max(one.limits.min_share, other.limits.min_share)),
        retention=RetentionPolicy(releases=max(one.retention.releases, other.retention.releases)),
        deletions=other.deletions,
    )


def _deletions(document: Document, policy: Policy, now: int) -> Iterator[tuple[int, Finding]]:
    first: dict[str, int] = {}
    for place, deletion in enumerate(policy.deletions):
        what = f"the permission to delete {deletion.collection}"
        if found := expiry_finding(document, ("deletions", place, "expires"), deletion.expires, now, what):
            yield place, found
        elif deletion.collection in first:
            problem = f"{deletion.collection} has a permission already, entry {first[deletion.collection] + 1}"
            path = ("deletions", place, "collection")
            yield place, document.finding(path, "override-twice", problem, "keep one of them")
        first.setdefault(deletion.collection, place)
