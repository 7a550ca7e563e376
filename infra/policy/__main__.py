"""The policy pack that `pulumi preview --policy-pack infra/policy` runs."""

from pulumi_policy import EnforcementLevel, PolicyPack
from rules import POLICIES

PolicyPack(name="turnout-infra", enforcement_level=EnforcementLevel.MANDATORY, policies=POLICIES)
