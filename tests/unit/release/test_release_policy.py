"""The policy file, permissions and quarantine: what is read, and that a mistake in them never permits anything."""

from __future__ import annotations

import pytest

from support.artifact_files import OVERRIDES, POLICY, POLICY_TEXT, QUARANTINE, TEXTS, TODAY, checked, locked
from turnout.errors import BadInput
from turnout.release.artifacts import (
    LimitsPolicy,
    Policy,
    RateLimitPolicy,
    RetentionPolicy,
    WorstHourPolicy,
)
from turnout.release.policy import read_policy, stricter

HEAD = "apiVersion: turnout/v1\nkind: Policy\n"


def found(text: str, today: str = TODAY) -> tuple[Policy, list[tuple[str, int, str]]]:
    policy, findings = read_policy(text.encode(), today=today)
    assert all(finding.file == POLICY and finding.remedy for finding in findings)
    return policy, [(finding.rule, finding.line, finding.pointer) for finding in findings]


def test_no_file_and_an_empty_policy_are_the_strict_defaults() -> None:
    assert read_policy(None, today=TODAY) == (Policy(), [])
    assert found(HEAD) == (Policy(), [])


def test_a_policy_is_read() -> None:
    policy, findings = found(POLICY_TEXT)
    assert findings == []
    assert (policy.licences, policy.rate_limit.max_increase, policy.worst_hour.max_share) == (
        ["apache-2.0", "MIT"],
        1.5,
        0.5,
    )
    assert (policy.limits.min_share, policy.retention.releases, policy.deletions[0].collection) == (
        0.75,
        2,
        "old-toys",
    )


@pytest.mark.parametrize(
    ("old", "new", "rule", "line", "pointer"),
    [
        ("2026-07-01", "2026-06-14", "override-expired", 15, "/deletions/0/expires"),
        ("2026-07-01", "2026-07-16", "override-too-long", 15, "/deletions/0/expires"),
        ("2026-07-01", "2026-06-31", "bad-date", 15, "/deletions/0/expires"),
        ("max_increase: 1.5", "max_increase: 0.5", "out-of-range", 5, "/rate_limit/max_increase"),
        ("max_increase: 1.5", "max_increase: .inf", "not-finite", 5, "/rate_limit/max_increase"),
        ("max_increase: 1.5", "max_incraese: 1.5", "unknown-key", 5, "/rate_limit/max_incraese"),
        ("releases: 2", "releases: 2.5", "wrong-type", 11, "/retention/releases"),
        ("kind: Policy", "kind: Polizei", "not-allowed", 2, "/kind"),
        ("[apache-2.0, MIT]", "[]", "bad-value", 3, "/licences"),
        ("collection: old-toys", "collection: ../x", "bad-value", 13, "/deletions/0/collection"),
        ("    reason: nobody searches it any more\n", "", "missing-key", 13, "/deletions/0"),
        ("kind: Policy", "kind: [", "yaml-syntax", 4, ""),
    ],
)
def test_a_spoiled_policy_has_a_finding_in_its_place_and_permits_nothing(
    old: str, new: str, rule: str, line: int, pointer: str
) -> None:
    assert old in POLICY_TEXT
    policy, findings = found(POLICY_TEXT.replace(old, new, 1))
    assert (rule, line, pointer) in findings
    assert policy.deletions == []


def test_what_is_wrong_with_one_permission_leaves_the_rest_of_the_policy() -> None:
    policy, _ = found(POLICY_TEXT.replace("2026-07-01", "2026-06-01"))
    assert policy.retention.releases == 2


def test_two_permissions_for_one_collection_are_a_finding() -> None:
    entry = POLICY_TEXT[POLICY_TEXT.index("  - collection") :]
    policy, findings = found(POLICY_TEXT + entry)
    assert findings == [("override-twice", 16, "/deletions/1/collection")]
    assert len(policy.deletions) == 1


def test_a_policy_needs_a_day() -> None:
    with pytest.raises(BadInput):
        read_policy(None, today="tomorrow")


def test_the_stricter_of_two_policies_is_at_least_as_strict_as_each_and_permits_what_the_second_does() -> None:
    loose = Policy(
        licences=["MIT", "X"],
        rate_limit=RateLimitPolicy(max_increase=100),
        worst_hour=WorstHourPolicy(max_share=9),
        limits=LimitsPolicy(min_share=0.1),
        retention=RetentionPolicy(releases=0),
    )
    other, _ = found(POLICY_TEXT)
    for both in (stricter(loose, other), stricter(other, loose)):
        assert [licence.casefold() for licence in both.licences] == ["mit"]
        assert (both.rate_limit.max_increase, both.worst_hour.max_share) == (1.5, 0.5)
        assert (both.limits.min_share, both.retention.releases) == (0.75, 2)
    assert stricter(loose, other).deletions == other.deletions
    assert stricter(other, loose).deletions == []


# overrides

ANOTHER = "  - rule: cost-above-budget\n    reason: again\n    expires: 2026-07-01\n"


def test_an_unknown_rule_is_answered_with_the_nearest_one() -> None:
    texts = TEXTS | {OVERRIDES: TEXTS[OVERRIDES].replace("cost-above-budget", "rate-limit-rased")}
    (finding,) = checked(texts).findings
    assert (finding.rule, finding.line) == ("override-unknown", 4)
    assert finding.remedy == "did you mean `rate-limit-raised`?"


def test_the_permission_to_delete_is_sent_to_the_policy() -> None:
    texts = TEXTS | {OVERRIDES: TEXTS[OVERRIDES].replace("cost-above-budget", "collection-deleted")}
    assert "pipelines/policy.yaml" in checked(texts).findings[0].remedy


def test_two_overrides_of_one_rule_are_a_finding() -> None:
    (finding,) = checked(TEXTS | {OVERRIDES: TEXTS[OVERRIDES] + ANOTHER}).findings
    assert (finding.rule, finding.line, finding.pointer) == ("override-twice", 7, "/overrides/1/rule")


def test_an_override_that_lifts_nothing_is_a_finding_and_one_that_is_used_is_none() -> None:
    result = checked(locked(TEXTS))
    (finding,) = result.unused_overrides(())
    assert (finding.rule, finding.file, finding.line) == ("override-unused", OVERRIDES, 4)
    assert result.unused_overrides({"cost-above-budget"}) == ()
    assert checked(locked({file: text for file, text in TEXTS.items() if file != OVERRIDES})).unused_overrides(()) == ()


# quarantine


def test_a_release_in_quarantine_is_refused_and_any_other_is_not() -> None:
    texts = locked(TEXTS)
    release = checked(texts).release
    assert release is not None
    texts[QUARANTINE] = texts[QUARANTINE].replace("r-0123456789abcdef", release.id)
    result = checked(texts)
    assert result.release is None
    (finding,) = result.findings
    assert (finding.rule, finding.file, finding.line, finding.pointer) == (
        "quarantined",
        QUARANTINE,
        4,
        "/releases/0/release",
    )
    assert "half of the searches timed out" in finding.problem
    del texts[QUARANTINE]
    assert checked(texts).findings == ()


def test_a_release_twice_in_quarantine_is_a_finding() -> None:
    entry = TEXTS[QUARANTINE][TEXTS[QUARANTINE].index("  - release") :]
    (finding,) = checked(TEXTS | {QUARANTINE: TEXTS[QUARANTINE] + entry}).findings
    assert (finding.rule, finding.line) == ("quarantine-twice", 7)
