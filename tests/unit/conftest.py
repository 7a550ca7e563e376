"""Keeps unit tests from any Elasticsearch: one that runs by chance must not let pass what fails elsewhere."""

import pytest


@pytest.fixture(autouse=True)
def nobody(monkeypatch):
    """The discard port: nothing answers."""
    monkeypatch.setenv("TURNOUT_ELASTICSEARCH_URL", "http://127.0.0.1:9")
