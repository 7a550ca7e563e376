"""The disaster that `turnout ledger` and `turnout restore` are for, played on a real server: `python -m disaster`."""

from disaster.drill import drill

__all__ = ["drill"]
