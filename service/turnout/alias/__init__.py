"""The alias that applications search: move it, freeze it, and delete the views that nobody can need any more.

Used by apply and by the `freeze` verb. Moving never deletes, and deleting never moves.
"""

from turnout.alias.flip import flip
from turnout.alias.freezing import freeze, frozen, unfreeze
from turnout.alias.retirable import Observed, judge, retirable, rollback_targets
from turnout.alias.retire import Retirement, retire

__all__ = [
    "Observed",
    "Retirement",
    "flip",
    "freeze",
    "frozen",
    "judge",
    "retirable",
    "retire",
    "rollback_targets",
    "unfreeze",
]
