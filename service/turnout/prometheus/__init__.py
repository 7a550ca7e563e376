"""The adapter to Prometheus' HTTP API. Called by `turnout.judge`."""
