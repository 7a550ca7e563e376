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


def rollout(phase="Progressing", *, current="new", stable="old", step=2, revision="7", **status):
    """The Rollout of python-docs in staging, with the status that a real one had at that time."""
    found = json.loads(json.dumps(all_of(overlay("staging"), "Rollout")[0]))
    found["metadata"] |= {"annotations": {"rollout.argoproj.io/revision": revision}, "generation": 21}
    hashes = {"currentPodHash": HASHES[current], "stableRS": HASHES[stable]}
    found["status"] = {"phase": phase, "observedGeneration": "21", "currentStepIndex": step, **hashes, **status}
    return found


PAUSED = rollout("Paused")
ABORTED = rollout("Degraded", step=0, abort=True)
PROMOTED = rollout("Healthy", current="new", stable="new", step=5)


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
    lines = told(config, "on-release-started", rollout(step=0))
    assert lines[0] == f"*python-docs: started.* Revision 7, release {release}."
    assert "turnout status python-docs" in lines[-1]
    assert told(config, "on-release-started", rollout(step=2)) == []  # the analyses of later steps


def without_status():
    """As Argo CD makes it, before Argo Rollouts has seen it."""
    found = rollout()
    del found["status"]
    return found


@pytest.mark.parametrize(
    "rolled",
    [
        rollout(),  # amid a canary
        rollout(step=0, observedGeneration="20"),  # the status of the revision before
        rollout("Progressing", current="new", stable="new", step=5),  # pods are replaced
        without_status(),
    ],
)
def test_in_between_nothing_is_told(config, rolled):
    for event in ("started", "paused", "aborted", "promoted"):
        assert told(config, f"on-release-{event}", rolled) == [], event


def test_only_the_revert_is_told_by_an_event_because_a_condition_on_an_event_is_told_twice(config):
    ours = {key.removeprefix("trigger."): yaml.safe_load(config[key]) for key in config if key.startswith("trigger.")}
    assert {name for name, (only_one,) in ours.items() if "when" not in only_one} == {"on-skip-steps"}
    assert all(name.startswith("on-release-") for name in ours if name != "on-skip-steps")


def test_a_pause_names_the_analysis_that_has_no_evidence_and_the_runbook(config):
    asked = analysis("search-python-docs-94dd9cb87-7-2", "Inconclusive", 'Metric "judge" assessed Inconclusive')
    lines = told(config, "on-release-paused", PAUSED, [asked, READY])
    assert lines[0].startswith("*python-docs: paused.* Revision 7")
    assert lines[1] == 'Analysis search-python-docs-94dd9cb87-7-2: Metric "judge" assessed Inconclusive'
    assert lines[-1] == f"What to do: {RUNBOOK}#verdictinconclusive"


def test_a_pause_without_such_an_analysis_says_so(config):
    assert "No analysis was inconclusive" in told(config, "on-release-paused", PAUSED, [READY])[1]


def test_an_abort_names_analysis_metric_and_message_of_what_failed_and_nothing_else(config):
    lines = told(config, "on-release-aborted", ABORTED, [FAILED, ENDED, READY])
    assert lines[0].startswith("*python-docs: aborted.* Revision 7, release release-python-docs-")
    assert lines[1] == (
        "Analysis search-python-docs-94dd9cb87-7, metric errors: "
        'Metric "errors" assessed Failed due to failed (2) > failureLimit (1)'
    )
    assert lines[-1] == f"What to do: {RUNBOOK}#rolloutaborted"
    assert not re.search(r"increase|Run Terminated|0\.125", "\n".join(lines))


def test_an_abort_by_a_person_blames_no_analysis(config):
    assert told(config, "on-release-aborted", ABORTED, [ENDED, READY])[1].startswith("No analysis failed")


def test_a_long_message_of_an_analysis_is_cut_and_quotes_are_kept_as_text(config):
    loud = analysis("run", "Error", '"},\n{"text": "' + "x" * 5000, errors="Error")
    lines = told(config, "on-release-aborted", ABORTED, [loud])
    assert max(map(len, lines)) < 400
    assert lines[1] == 'Analysis run, metric errors: "},'


def test_a_promotion_names_the_release_that_is_stable_now(config):
    release = release_map(overlay("staging/python-docs"))["metadata"]["name"]
    assert told(config, "on-release-promoted", PROMOTED, [READY])[0] == (
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
    (line,) = told(config, "on-skip-steps", rolled, runs)
    assert line.startswith("*python-docs: reverted.* Git asks for release release-python-docs-")
    assert line.endswith("Taken back: pod template 94dd9cb87.")


def test_a_change_of_the_steps_alone_is_not_told_as_a_revert(config):
    (line,) = told(config, "on-skip-steps", PROMOTED, [READY])
    assert line.startswith("*python-docs: nothing was reverted.*")


def test_every_trigger_has_a_subscriber_and_a_collection_may_have_its_own(config):
    (everyone,) = yaml.safe_load(config["subscriptions"])
    assert {f"trigger.{name}" for name in everyone["triggers"]} == {key for key in config if key.startswith("trigger.")}
    rolled = json.loads(json.dumps(ABORTED))
    rolled["metadata"]["annotations"]["notifications.argoproj.io/subscribe.on-release-aborted.chat"] = ""
    with inbox() as (url, received):
        run = {"trigger": "on-release-aborted", "kind": "rollout", "vars": {"rollout": rolled}}
        send(config, {"chat-url": url}, [run])
    assert len(received) == 2


def test_secrets_are_named_and_not_held(config):
    assert yaml.safe_load(config["service.webhook.chat"])["url"] == "$chat-url"
