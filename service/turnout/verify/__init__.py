"""Is a view fit to be searched? Attestation, parity, ANN recall and judged quality, as one report.

Called by apply before a release is ready and before a flip; `parity.parity` alone also by status.
"""

from turnout.verify.report import Check, Report, Verdict
from turnout.verify.verification import Live, Progress, verify

__all__ = ["Check", "Live", "Progress", "Report", "Verdict", "verify"]
