"""The exercise: faults in a real cluster, the alerts that must follow, and the runbook's commands, run.

`PYTHONPATH=tests python -m exercise`; README.md beside this file says what it shows and what it doesn't.
"""
