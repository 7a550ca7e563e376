"""What on-call opens first, as code: the dashboards' panels, their Grafana JSON, a check that each has data, pictures.

Called by `turnout dashboards`. README.md in this folder says how a panel is written.
"""
