"""Asks for evidence about a canary and judges it: live traffic from Prometheus, judged queries through the pods.

Called by the controller, `turnout judge` and the demo.
"""
