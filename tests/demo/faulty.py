"""`python -m demo.faulty FAULT ARGUMENTS...`: the `turnout` command with a fault under its service's searches.

The faults are those of the end-to-end stories; the service counts what they do, as it would count a real defect.
"""

from __future__ import annotations

import sys

from e2e.images.faults import e2e_fault

DELAY_S = 0.3  # the judge of the demo counts searches above 250 ms as slow


def main() -> None:
    """Run the command; ends the process with its exit code."""
    from turnout.cli import main as turnout

    fault = sys.argv.pop(1)
    e2e_fault.install(fault, delay_s=DELAY_S)
    turnout()


if __name__ == "__main__":
    main()
