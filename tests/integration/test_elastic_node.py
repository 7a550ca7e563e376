"""A node of one's own survives kill -9 with its data, on the same port; the shared one is only looked at."""

from __future__ import annotations

import json
import os

import pytest
from click.testing import CliRunner

from turnout.cli.elastic import command
from turnout.elastic import node
from turnout.elastic.client import connect
from turnout.elastic.node import OwnNode, process
from turnout.elastic.node.machine import Machine
from turnout.elastic.reader import Reader
from turnout.errors import Unavailable


@pytest.mark.timeout(600)
def test_acknowledged_writes_survive_kill_and_stop_ends_the_process(own_elastic: OwnNode) -> None:
    url = own_elastic.url
    with connect(url, timeout_s=5) as client:
        client.index(index="kept", id="1", document={"a": 1})
        own_elastic.stop(kill=True)
        with pytest.raises(Unavailable, match="can't be reached"):
            Reader(client).get_many("kept", ["1"])
        own_elastic.start()
        assert own_elastic.url == url
        assert Reader(client).get_many("kept", ["1"])["1"].source == {"a": 1}
    port = int(url.rpartition(":")[2])
    running = own_elastic.node
    assert running is not None
    if running.pid is not None:
        assert process.port_holder(port) == f"java (pid {running.pid})"
    own_elastic.start()
    assert own_elastic.node == running
    own_elastic.stop()
    assert not process.port_taken(port)
    assert running.pid is None or process.fingerprint(Machine(os.environ), running.pid) is None


def test_status_tells_address_version_health_and_disk(elastic_url: str) -> None:
    env = {node.URL_VARIABLE: elastic_url}
    answer = CliRunner().invoke(command, ["status", "--format", "json"], env=env, catch_exceptions=False)
    facts = json.loads(answer.stdout)
    assert facts["url"] == elastic_url
    assert facts["version"].split(".")[0] == node.VERSION.split(".")[0]
    assert facts["health"] in ("green", "yellow")
    assert facts["disk_free"] > 0


def test_starting_where_a_url_is_given_only_checks_it(elastic_url: str) -> None:
    env = {node.URL_VARIABLE: elastic_url}
    answer = CliRunner().invoke(command, ["start", "--format", "json"], env=env, catch_exceptions=False)
    assert json.loads(answer.stdout)["state"] == "checked"
