"""Judges a canary against concurrent stable from counts: pure arithmetic, no I/O, no clock.

Called by `turnout.judge` with what Prometheus counted, and by the simulation that measures its error rates.
"""
