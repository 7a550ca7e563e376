"""A linter for AnalysisTemplates: a named rule for each way in which an analysis says something else than it seems to.

Argo Rollouts accepts all of these without a word. traps.yaml has an AnalysisRun for each, with the phase that the real
controller ends it in. Called by the tests here; `RULES` is the list of names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from turnout.controller.judging import PATIENCE_S

Metric = dict[str, Any]

JUDGE = "{{args.judge}}/judge?canary={{args.canary}}&stable={{args.stable}}"
"""The one address that the web provider may ask."""
ANSWERS_WITHIN_S = PATIENCE_S + 3
"""Seconds until the judge has answered, whatever else has to be waited for."""
UNDECIDED_S = 1800
"""Seconds of looking without a verdict that must not end a judged step."""
PATIENCE = 30
"""Errors in a row that must not end an analysis: 5 minutes at Argo's 10 s, a restart of Prometheus with its log."""
WAITING = 1000
"""Inconclusive looks that must not end one: it would pause the Rollout for good."""
SCOPE = "rollouts_pod_template_hash"

# Parts of a query that select series of their own: a name, or braces.
_SELECTOR = re.compile(r"[a-zA-Z_:][\w:]*\s*\{[^}]*\}")
_BARE = re.compile(r"\b([a-z_:][\w:]*_(?:total|bucket|sum|count|state|seconds|bytes))\b(?!\s*\{)")
_INDEX = re.compile(r"result\[\d+\]")


class Trap(NamedTuple):
    """One finding: the rule, the template and metric, and what is wrong there."""

    rule: str
    where: str
    problem: str


def traps(template: dict[str, Any]) -> list[Trap]:
    """What is wrong with an AnalysisTemplate, or with anything else that has `spec.metrics` and `spec.args`."""
    found = []
    defaults = {arg["name"]: arg["value"] for arg in template["spec"].get("args", []) if "value" in arg}
    for metric in (_given(metric, defaults) for metric in template["spec"]["metrics"]):
        where = f"{template['metadata']['name']}/{metric['name']}"
        for rule, check in RULES.items():
            found += [Trap(rule, where, problem) for problem in check(metric)]
    return found


def rollout_traps(rollout: dict[str, Any], templates: dict[str, dict[str, Any]]) -> list[Trap]:
    """What is wrong with how a Rollout uses AnalysisTemplates (by name)."""
    canary, name = rollout["spec"]["strategy"]["canary"], rollout["metadata"]["name"]
    steps = [step["analysis"] for step in canary.get("steps", []) if "analysis" in step]
    found = [trap for each in steps for trap in _endless(each, templates)]
    for each in [*steps, *([canary["analysis"]] if "analysis" in canary else [])]:
        found += _too_many(each, templates)
        found += [Trap(rule, f"{name}: {trap}", problem) for rule, trap, problem in _arguments(each, templates)]
    return found


def _given(metric: Metric, values: dict[str, str]) -> Metric:
    """A metric with the numbers that arguments stand for."""
    found = {}
    for key in ("interval", "consecutiveSuccessLimit", "inconclusiveLimit"):
        argument = re.fullmatch(r"\{\{args\.([\w-]+)\}\}", str(metric.get(key)))
        if argument and argument[1] in values:
            found[key] = values[argument[1]]
    return metric | found


def _conditions(metric: Metric) -> list[str]:
    return [metric[key] for key in ("successCondition", "failureCondition") if metric.get(key)]


def no_condition(metric: Metric) -> Iterator[str]:
    """Without a condition every answer is a success."""
    if not _conditions(metric):
        yield "there is no condition, so whatever is measured is a success"


def one_condition(metric: Metric) -> Iterator[str]:
    """With one condition there is no "not enough evidence": no data passes, or it fails."""
    if len(_conditions(metric)) == 1:
        yield "one condition only: what isn't the one is the other, and no data is taken for an answer"


def unguarded_index(metric: Metric) -> Iterator[str]:
    """`result[0]` of an empty answer is an error, and errors abort."""
    for condition in _conditions(metric):
        guard = condition.find("len(result)")
        for index in _INDEX.finditer(condition):
            if not 0 <= guard < index.start():
                yield f"{index[0]} is read before len(result) is asked"
                break


def default_of_empty(metric: Metric) -> Iterator[str]:
    """`default(result, x)` replaces nil, and an empty answer isn't nil."""
    if any("default(result" in condition or "isNil(result" in condition for condition in _conditions(metric)):
        yield "an empty answer is an empty list and not nil: ask for len(result)"


def nan_of_list(metric: Metric) -> Iterator[str]:
    """`isNaN` takes a number, and a result is a list of them."""
    if any(re.search(r"is(NaN|Inf)\(result\)", condition) for condition in _conditions(metric)):
        yield "result is a list: isNaN(result[0])"


def nan_unguarded(metric: Metric) -> Iterator[str]:
    """Comparisons with NaN are false, so a ratio of 0 / 0 is whatever the other condition makes of it."""
    if "/" not in _query(metric):
        return
    for condition in _conditions(metric):
        if "isNaN(result[" not in condition:
            yield f"a quotient can be NaN, and nothing asks for it in: {condition}"


def failure_limit_disabled(metric: Metric) -> Iterator[str]:
    """-1 means that no number of failures fails."""
    if int(metric.get("failureLimit", 0)) < 0:
        yield "failureLimit -1 never fails; to wait, leave it 0 and use consecutiveSuccessLimit with both conditions"


def failure_limit_never_reached(metric: Metric) -> Iterator[str]:
    """The limit is what is allowed: it fails with one more, and a count that ends before is a success."""
    count, limit = metric.get("count"), int(metric.get("failureLimit", 0))
    if count is not None and int(count) <= limit:
        yield f"failureLimit {limit} fails at failure {limit + 1}, and it looks only {count} times"


def error_limit_low(metric: Metric) -> Iterator[str]:
    """More than four errors in a row, 40 s of a Prometheus that restarts, end an analysis by default."""
    limit = int(metric.get("consecutiveErrorLimit", 4))
    if limit < PATIENCE:
        yield f"{limit + 1} errors in a row, {10 * limit} s without Prometheus, end a canary that nobody judged"


def inconclusive_limit_low(metric: Metric) -> Iterator[str]:
    """The first look without evidence pauses the Rollout until a person comes.

    That is meant for a judge, which says how much evidence is missing, but not before there was time for some.
    """
    limit = int(metric.get("inconclusiveLimit", 0))
    if "web" in metric["provider"] and metric.get("interval"):
        if limit * _seconds(metric["interval"]) < UNDECIDED_S:
            yield f"{limit + 1} looks without a verdict, and the Rollout is paused: that may be the first quiet minutes"
    elif limit < WAITING:
        yield f"look {limit + 1} without evidence pauses the Rollout for good"


def one_look(metric: Metric) -> Iterator[str]:
    """Without an interval it looks once."""
    if not metric.get("interval"):
        yield "no interval: it looks once, and that is that"


def never_ends(metric: Metric) -> Iterator[str]:
    """Without a count and a number of successes it ends when it is terminated, and that is a success."""
    if metric.get("interval") and not metric.get("count") and not metric.get("consecutiveSuccessLimit"):
        yield "nothing makes it succeed but being terminated: say consecutiveSuccessLimit"


def count_of_looks(metric: Metric) -> Iterator[str]:
    """A count that is reached ends an analysis whatever was seen, errors left out."""
    count = metric.get("count")
    if count and (not metric.get("consecutiveSuccessLimit") or int(count) < WAITING):
        yield "looks are counted whether they show anything: say consecutiveSuccessLimit and a count out of reach"


def unscoped(metric: Metric) -> Iterator[str]:
    """A selector without the pod template hash mixes stable and canary."""
    query = _query(metric)
    for selector in _SELECTOR.findall(query):
        if not re.search(SCOPE + r'\s*=\s*"\{\{\s*args\.', selector):
            yield f"{selector} takes in stable and canary"
    for name in _BARE.findall(_SELECTOR.sub("", query)):
        yield f"{name} takes in stable and canary"
    url = _web(metric).get("url", "")
    if url.startswith("{{args.judge}}") and url != JUDGE:
        yield f"{url} doesn't ask about these two sides"


def no_volume(metric: Metric) -> Iterator[str]:
    """A ratio of a few searches says nothing."""
    query = _query(metric)
    if "/" in query and not re.search(r"\)\s*>=\s*\{\{\s*args\.", query):
        yield "a quotient without a least number of requests: one error of two is 50 %"


def other_provider(metric: Metric) -> Iterator[str]:
    """The web provider takes any 2xx answer that isn't JSON for a success, without a look at the conditions.

    So it may ask nobody but the controller, which answers nothing else.
    """
    for provider in metric["provider"]:
        if provider != "prometheus" and not _web(metric).get("url", "").startswith("{{args.judge}}/judge?"):
            yield f"the provider {provider}: a proxy's error page with status 200 would be a success"


def not_a_verdict(metric: Metric) -> Iterator[str]:
    """An answer of another shape has no verdict, and what is not there differs from everything."""
    for key, verdict in (("successCondition", "pass"), ("failureCondition", "fail")):
        condition = metric.get(key)
        if "web" in metric["provider"] and condition and condition != f'result.verdict == "{verdict}"':
            yield f"{condition} may hold for an answer that is no verdict"


def part_of_an_answer(metric: Metric) -> Iterator[str]:
    """A part that isn't in the answer is an error, and of a part alone nobody learns the reason."""
    if "web" in metric["provider"] and _web(metric).get("jsonPath", "{$}") != "{$}":
        yield f"jsonPath {_web(metric)['jsonPath']}: an answer without that part is an error, and the reason isn't kept"


def timeout_low(metric: Metric) -> Iterator[str]:
    """A judge that is busy takes its time to say so; not to wait for that is an error, and errors abort."""
    if "web" in metric["provider"] and int(_web(metric).get("timeoutSeconds", 10)) < ANSWERS_WITHIN_S:
        yield f"timeoutSeconds is less than the {ANSWERS_WITHIN_S:g} s within which the judge answers"


def _web(metric: Metric) -> dict[str, Any]:
    found: dict[str, Any] = metric["provider"].get("web", {})
    return found


def _seconds(duration: str) -> int:
    """A duration as manifests write it: `30s`, `1m`."""
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]


def _query(metric: Metric) -> str:
    query: str = metric["provider"].get("prometheus", {}).get("query", "")
    return query


RULES: dict[str, Callable[[Metric], Iterator[str]]] = {
    "no-condition": no_condition,
    "one-condition": one_condition,
    "unguarded-index": unguarded_index,
    "default-of-empty": default_of_empty,
    "nan-of-list": nan_of_list,
    "nan-unguarded": nan_unguarded,
    "failure-limit-disabled": failure_limit_disabled,
    "failure-limit-never-reached": failure_limit_never_reached,
    "error-limit-low": error_limit_low,
    "inconclusive-limit-low": inconclusive_limit_low,
    "one-look": one_look,
    "never-ends": never_ends,
    "count-of-looks": count_of_looks,
    "unscoped": unscoped,
    "no-volume": no_volume,
    "other-provider": other_provider,
    "not-a-verdict": not_a_verdict,
    "part-of-an-answer": part_of_an_answer,
    "timeout-low": timeout_low,
}


def _endless(analysis: dict[str, Any], templates: dict[str, dict[str, Any]]) -> Iterator[Trap]:
    """A step has to end by itself, and Argo Rollouts wants that said: without a count the whole Rollout is invalid."""
    given = {arg["name"]: arg.get("value") for arg in analysis.get("args", [])}
    if any(int(given.get(name) or 0) > WAITING for name in ("looks", "passes", "patience")):
        yield Trap("endless-step", str(analysis["templates"]), "no number of looks is enough")
    for reference in analysis["templates"]:
        for metric in templates.get(reference["templateName"], {"spec": {"metrics": []}})["spec"]["metrics"]:
            if not metric.get("count"):
                yield Trap(
                    "step-without-count", metric["name"], "a Rollout with such a step is invalid and does nothing"
                )


def _too_many(analysis: dict[str, Any], templates: dict[str, dict[str, Any]]) -> Iterator[Trap]:
    """A count has room for the looks asked for and the failures allowed, or the run is an Error, which aborts."""
    given = {arg["name"]: arg.get("value") for arg in analysis.get("args", [])}
    for name in (reference["templateName"] for reference in analysis["templates"]):
        spec = templates.get(name, {"spec": {"metrics": []}})["spec"]
        values = {arg["name"]: arg.get("value") for arg in spec.get("args", [])}
        for metric in spec["metrics"]:
            looks = str(metric.get("consecutiveSuccessLimit", 0))
            if argument := re.fullmatch(r"\{\{args\.([\w-]+)\}\}", looks):
                looks = given.get(argument[1]) or values.get(argument[1]) or "0"
            if metric.get("count") and int(metric["count"]) < int(looks) + int(metric.get("failureLimit", 0)):
                yield Trap("count-too-small", f"{name}/{metric['name']}", "less than failureLimit and looks together")


def _arguments(analysis: dict[str, Any], templates: dict[str, dict[str, Any]]) -> Iterator[Trap]:
    """Hashes come from the Rollout, and every argument without a value is given."""
    given = {arg["name"]: arg for arg in analysis.get("args", [])}
    expected = {"canary": "Latest", "stable": "Stable"}
    for reference in analysis["templates"]:
        name = reference["templateName"]
        if name not in templates:
            yield Trap("no-template", name, "there is no such AnalysisTemplate")
            continue
        for arg in templates[name]["spec"].get("args", []):
            side = given.get(arg["name"], {}).get("valueFrom", {}).get("podTemplateHashValue")
            if arg["name"] in expected and side != expected[arg["name"]]:
                yield Trap("hash-not-given", f"{name}/{arg['name']}", "it isn't the hash of that side")
            elif "value" not in arg and arg["name"] not in given:
                yield Trap("argument-missing", f"{name}/{arg['name']}", "nobody gives it")
