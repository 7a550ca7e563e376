"""Brings the cluster to what Git and Argo Rollouts say, again and again: views, followers, alias, quarantine.

Level-triggered: `look` reads everything, `desired` is a pure function of what was seen to a list of actions, `act`
carries
them out, each safe to repeat. Started by `turnout controller`.
"""
