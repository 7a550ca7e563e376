"""What a live cluster shows of a collection, in the words of `turnout.plan`. Reads only.

Called by the `plan`, `apply` and `status` verbs: whatever plans starts from the same look.
"""

from turnout.observed.cluster import live_release, observe
from turnout.observed.sample import SAMPLE, sample_tokens

__all__ = ["SAMPLE", "live_release", "observe", "sample_tokens"]
