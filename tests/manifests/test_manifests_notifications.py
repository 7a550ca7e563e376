"""Messages of Argo Rollouts: each event through the real engine to a chat, and what must not be told."""

import json
import os
import re

import pytest
import yaml

from support.go_modules import ROOT
from support.notifications import inbox, send

from .rendering import all_of, objects_of, only, overlay, release_map

HASHES = {"old": "5b76795449", "new": "94dd9cb87"}
RUNBOOK = "https://github.com/example-org/turnout/blob/main/RUNBOOK.md"


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("overlay")

    def place(path):
        return os.path.relpath(ROOT / "manifests" / path, folder)

    text = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "turnout",
        "resources": [place("overlays/staging")],
        "components": [place("components/notifications")],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(text))
    found = only(objects_of(folder), "ConfigMap", "argo-rollouts-notification-configmap")
    assert found["metadata"]["namespace"] == "turnout"
    return found["data"]


def rollout(*, current="new", stable="old", step=2, revision="7"):
    """The Rollout of python-docs in staging, with the status that a real one had at that time."""
    found = json.loads(json.dumps(all_of(overlay("staging"), "Rollout")[0]))
    found["metadata"]["annotations"] = {"rollout.argoproj.io/revision": revision}
    found["status"] = {"currentPodHash": HASHES[current], "stableRS": HASHES[stable], "currentStepIndex": step}
    return found


def analysis(name, phase, message=None, **metrics):
    """An AnalysisRun as the controller gives it to a template; a metric's measurements carry its query."""
    results = [
        {
            "name": metric,
            "phase": ended,
            "measurements": [{"phase": ended, "value": "[0.125]"}],
            "metadata": {"ResolvedPrometheusQuery": "sum(increase(http_requests_total[10s]))"},
        }
        for metric, ended in metrics.items()
    ]
    return {
        "metadata": {"name": name},
        "status": {"phase": phase, "metricResults": results, **({"message": message} if message else {})},
    }


FAILED = analysis(
    "search-python-docs-94dd9cb87-7",
    "Failed",
    'Metric "errors" assessed Failed due to failed (2) > failureLimit (1)',
    errors="Failed",
    judge="Inconclusive",
)
READY = analysis("search-python-docs-94dd9cb87-7-0", "Successful", **{"release-ready": "Successful"})
ENDED = analysis("search-python-docs-94dd9cb87-7-2", "Successful", "Run Terminated", latency="Successful")


def told(config, trigger, rolled, runs=()):
    """What the chat gets of one event: its lines; empty if nothing."""
    with inbox() as (url, received):
        variables = {"rollout": rolled, "analysisRuns": list(runs) or None}
        (sent,) = send(
            config, {"chat-url": f"{url}/hook"}, [{"trigger": trigger, "kind": "rollout", "vars": variables}]
        )
    assert sent.errors == []
    assert [each.path for each in received] == ["/hook"] * len(sent.fired)
    return received[0].body["text"].split("\n") if received else []


def test_a_canary_that_begins_is_told_once_with_collection_and_release(config):
    release = release_map(overlay("staging/python-docs"))["metadata"]["name"]
    lines = told(config, "on-analysis-run-running", rollout(step=0))
    assert lines[0] == f"*python-docs: started.* Revision 7, release {release}."
    assert "turnout status python-docs" in lines[-1]
    assert told(config, "on-analysis-run-running", rollout(step=2)) == []  # the analyses of later steps


def test_a_revert_is_not_told_as_a_start(config):
    triggers = {key for key in config if key.startswith("trigger.")}
    assert "trigger.on-rollout-updated" not in triggers


def test_a_pause_names_the_analysis_that_has_no_evidence_and_the_runbook(config):
    asked = analysis("search-python-docs-94dd9cb87-7-2", "Inconclusive", 'Metric "judge" assessed Inconclusive')
    lines = told(config, "on-rollout-paused", rollout(), [asked, READY])
    assert lines[0].startswith("*python-docs: paused.* Revision 7")
    assert lines[1] == 'Analysis search-python-docs-94dd9cb87-7-2: Metric "judge" assessed Inconclusive'
    assert lines[-1] == f"What to do: {RUNBOOK}#verdictinconclusive"


def test_a_pause_without_such_an_analysis_says_so(config):
    assert "No analysis was inconclusive" in told(config, "on-rollout-paused", rollout(), [READY])[1]


def test_an_abort_names_analysis_metric_and_message_of_what_failed_and_nothing_else(config):
    lines = told(config, "on-rollout-aborted", rollout(), [FAILED, ENDED, READY])
    assert lines[0].startswith("*python-docs: aborted.* Revision 7, release release-python-docs-")
    assert lines[1] == (
        "Analysis search-python-docs-94dd9cb87-7, metric errors: "
        'Metric "errors" assessed Failed due to failed (2) > failureLimit (1)'
    )
    assert lines[-1] == f"What to do: {RUNBOOK}#rolloutaborted"
    assert not re.search(r"increase|Run Terminated|0\.125", "\n".join(lines))


def test_an_abort_by_a_person_blames_no_analysis(config):
    assert told(config, "on-rollout-aborted", rollout(), [ENDED, READY])[1].startswith("No analysis failed")


def test_a_long_message_of_an_analysis_is_cut_and_quotes_are_kept_as_text(config):
    loud = analysis("run", "Error", '"},\n{"text": "' + "x" * 5000, errors="Error")
    lines = told(config, "on-rollout-aborted", rollout(), [loud])
    assert max(map(len, lines)) < 400
    assert lines[1] == 'Analysis run, metric errors: "},'


def test_a_promotion_names_the_release_that_is_stable_now(config):
    release = release_map(overlay("staging/python-docs"))["metadata"]["name"]
    assert told(config, "on-rollout-completed", rollout(step=5), [READY])[0] == (
        f"*python-docs: promoted.* Revision 7, release {release} is stable."
    )


@pytest.mark.parametrize(
    ("rolled", "runs"),
    [
        (rollout(), []),  # from an aborted or running canary to the stable release
        (rollout(current="new", stable="new", step=5, revision="8"), []),  # from a promoted one, within the window
    ],
)
def test_a_revert_is_told_whether_its_release_was_promoted_or_not(config, rolled, runs):
    lines = told(config, "on-skip-steps", rolled, runs)
    assert lines[0].startswith("*python-docs: reverted.* Git asks for release release-python-docs-")
    assert lines[1] == "Taken back: pod template 94dd9cb87."


def test_a_change_of_the_steps_alone_is_not_told_as_a_revert(config):
    assert told(config, "on-skip-steps", rollout(current="new", stable="new", step=5), [READY]) == []


def test_every_trigger_has_a_subscriber_and_a_collection_may_have_its_own(config):
    (everyone,) = yaml.safe_load(config["subscriptions"])
    assert {f"trigger.{name}" for name in everyone["triggers"]} == {key for key in config if key.startswith("trigger.")}
    rolled = rollout()
    rolled["metadata"]["annotations"]["notifications.argoproj.io/subscribe.on-rollout-aborted.chat"] = ""
    with inbox() as (url, received):
        run = {"trigger": "on-rollout-aborted", "kind": "rollout", "vars": {"rollout": rolled}}
        send(config, {"chat-url": url}, [run])
    assert len(received) == 2


def test_secrets_are_named_and_not_held(config):
    assert yaml.safe_load(config["service.webhook.chat"])["url"] == "$chat-url"
