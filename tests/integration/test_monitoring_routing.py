"""Who is told of which alert: the routing example in a real Alertmanager, and by its own tool."""

import re
import subprocess
import time
from datetime import UTC, datetime

import pytest
import yaml

from support.alertmanager import Running, binaries, to_webhooks
from support.alerts import alerts
from support.go_modules import ROOT
from support.notifications import inbox
from support.prometheus import BUILD

FOLDER = ROOT / "manifests/components/monitoring"
EXAMPLE = FOLDER / "alertmanager.example.yaml"
CONFIG = yaml.safe_load(EXAMPLE.read_text())


ALERTS = {each.name: each.labels["severity"] for each in alerts()}


def amtool(*arguments):
    """What amtool prints; it must succeed."""
    command = [str(binaries(BUILD).amtool), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_alertmanager_takes_the_example():
    said = amtool("check-config", str(EXAMPLE))
    assert "SUCCESS" in said
    assert f"- {len(CONFIG['inhibit_rules'])} inhibit rules" in said
    assert "- 3 receivers" in said


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["alertname=SearchUnavailable", "severity=critical", "collection=python-docs"], "pager"),
        (["alertname=ViewLagging", "severity=warning", "collection=python-docs"], "tickets"),
        (["alertname=SomethingOfTheCluster"], "tickets"),
        (["alertname=Watchdog", "severity=none"], "heartbeat"),
    ],
)
def test_severity_decides_who_is_told_and_nothing_is_lost(labels, receiver):
    told = amtool("config", "routes", "test", f"--config.file={EXAMPLE}", f"--verify.receivers={receiver}", *labels)
    assert told.strip().splitlines()[-1] == receiver


def test_only_severities_that_are_routed_are_used():
    assert set(ALERTS.values()) == {"critical", "warning"}


def test_every_alert_that_an_inhibition_names_exists():
    text = "\n".join(
        matcher
        for rule in CONFIG["inhibit_rules"]
        for matcher in [*rule["source_matchers"], *rule["target_matchers"]]
        if matcher.startswith("alertname")
    )
    exact = re.findall(r"alertname = (\w+)", text)
    patterns = re.findall(r'alertname =~ "([^"]+)"', text)
    assert exact
    assert set(exact) <= set(ALERTS)
    for pattern in patterns:
        for part in re.sub(r"\(Error\|Latency\)Budget\(Slow\)\?Burn", "ErrorBudgetBurn", pattern).split("|"):
            assert part in ALERTS, part


def test_no_inhibition_keeps_a_page_about_users_or_data_back_for_the_controllers_sake():
    for name in ("SearchUnavailable", "SearchErrorBudgetBurn", "ModelRefused", "ParityBroken"):
        for rule in CONFIG["inhibit_rules"]:
            if any("ControllerSilent" in each for each in rule["source_matchers"]):
                assert name not in str(rule["target_matchers"])


def test_no_credential_is_in_the_example():
    for receiver in CONFIG["receivers"]:
        for hook in receiver["webhook_configs"]:
            assert set(hook["http_config"]["authorization"]) == {"credentials_file"}


def alert(name, **labels):
    """A firing alert, as Prometheus sends it, but for its time."""
    every = {"alertname": name, "severity": ALERTS.get(name, "none"), **labels}
    return {"labels": every, "annotations": {"runbook_url": f"#{name.lower()}"}}


def begun(alerts):
    """They begin now: of one that is older than `group_wait` Alertmanager doesn't wait for what might inhibit it."""
    now = datetime.now(UTC).isoformat()
    return [{**each, "startsAt": now} for each in alerts]


def quick(config):
    """The same routing with waits of a test: seconds instead of minutes."""
    for route in [config["route"], *config["route"]["routes"]]:
        route |= {"group_wait": "3s", "group_interval": "300ms"}
    return config


FIRING = [
    # A collection that is down: one page, however many symptoms.
    alert("SearchUnavailable", collection="down"),
    alert("SearchErrorBudgetBurn", collection="down"),
    alert("SearchErrorBudgetSlowBurn", collection="down"),
    alert("SearchDegraded", collection="down"),
    # Another that is slow: its slow burn is kept back, its errors' isn't.
    alert("SearchLatencyBudgetBurn", collection="slow"),
    alert("SearchLatencyBudgetSlowBurn", collection="slow"),
    alert("SearchErrorBudgetSlowBurn", collection="slow"),
    # The controller can't reach a thing of one collection: what it tells of that one is old.
    alert("ControllerSilent", collection="unseen"),
    alert("RolloutAborted", collection="unseen"),
    alert("ParityBroken", collection="unseen", view="v1"),
    alert("UnsearchedViewBroken", collection="slow", view="v2"),
    alert("RolloutAborted", collection="slow"),
    # Two views, one message.
    alert("FollowerSilent", collection="slow", view="v1"),
    alert("FollowerSilent", collection="slow", view="v2"),
    alert("Watchdog"),
]
TOLD = {
    ("heartbeat", "Watchdog", ""): 1,
    ("pager", "SearchUnavailable", "down"): 1,
    ("pager", "SearchLatencyBudgetBurn", "slow"): 1,
    ("pager", "ControllerSilent", "unseen"): 1,
    ("pager", "ParityBroken", "unseen"): 1,
    ("tickets", "SearchErrorBudgetSlowBurn", "slow"): 1,
    ("tickets", "RolloutAborted", "slow"): 1,
    ("tickets", "UnsearchedViewBroken", "slow"): 1,
    ("tickets", "FollowerSilent", "slow"): 2,
}


def told(received):
    """How many alerts each message held, by receiver, alert and collection; of several messages the last."""
    return {
        (each.path.strip("/"), first["alertname"], first.get("collection", "")): len(each.body["alerts"])
        for each in received
        for first in [each.body["alerts"][0]["labels"]]
    }


def settled(received, wanted):
    """Wait until the messages are those, and then as long as a late one would take."""
    end = time.monotonic() + 15
    while told(received) != wanted and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(1.0)
    return told(received)


def test_what_breaks_together_is_told_once_to_whom_it_concerns_and_its_end_too(tmp_path):
    with inbox() as (url, received):
        config = yaml.safe_dump(quick(to_webhooks(yaml.safe_load(EXAMPLE.read_text()), url)))
        with Running(tmp_path, build=BUILD, config=config) as alertmanager:
            firing = begun(FIRING)
            alertmanager.post(firing)
            assert settled(received, TOLD) == TOLD
            assert {each.body["status"] for each in received} == {"firing"}
            received.clear()
            over = datetime.now(UTC).isoformat()
            alertmanager.post([{**firing[0], "endsAt": over}])
            after = settled(
                received,
                {
                    ("pager", "SearchUnavailable", "down"): 1,
                    ("pager", "SearchErrorBudgetBurn", "down"): 1,
                },
            )
    # The burn was kept back and is told now; what the burn keeps back still isn't.
    assert set(after) == {("pager", "SearchUnavailable", "down"), ("pager", "SearchErrorBudgetBurn", "down")}
    assert {each.body["alerts"][0]["status"] for each in received} == {"resolved", "firing"}


def test_a_controller_that_is_gone_keeps_back_what_it_would_tell_of_every_collection(tmp_path):
    firing = [alert("ControllerSilent"), alert("RolloutAborted", collection="a"), alert("ViewLagging", collection="b")]
    with inbox() as (url, received):
        config = yaml.safe_dump(quick(to_webhooks(yaml.safe_load(EXAMPLE.read_text()), url)))
        with Running(tmp_path, build=BUILD, config=config) as alertmanager:
            alertmanager.post(begun(firing))
            found = settled(received, {("pager", "ControllerSilent", ""): 1})
    assert set(found) == {("pager", "ControllerSilent", "")}
