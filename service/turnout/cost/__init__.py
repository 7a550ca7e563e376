"""What a change will cost, simulated with the very limiter and retry code that runs. Called by the gate.

See README.md in this folder for inputs, formulas and what is not modelled. `measured` lies in `cost.measure`, so that
who reads a cost doesn't load the clients.
"""

from turnout.cost.provider import Provider
from turnout.cost.refusals import RULES, refusals
from turnout.cost.rows import rows
from turnout.cost.simulate import simulate
from turnout.cost.sizes import calibrated, calibration
from turnout.cost.workload import Workload, declared

__all__ = ["RULES", "Provider", "Workload", "calibrated", "calibration", "declared", "refusals", "rows", "simulate"]
