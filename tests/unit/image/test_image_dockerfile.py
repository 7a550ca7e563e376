"""The image: pinned by digest, no root, made of files that are there and that the build may see, small by default."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from e2e.images.build import CONFIG
from support.dockerfile import Stage, stages

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "service" / "Dockerfile").read_text()
STAGES = stages(TEXT)
DEFAULT = list(STAGES)[-1]
LEFT_OUT = [
    line for line in (ROOT / "service" / "left-out.txt").read_text().splitlines() if line and not line.startswith("#")
]


def line_of(name: str) -> list[Stage]:
    """A stage and the stages that it is built on, itself last."""
    stage = STAGES[name]
    return [*(line_of(stage.base) if stage.base in STAGES else []), stage]


def copied(name: str) -> set[str]:
    """Names of the stages whose files are in a stage."""
    words = [words for stage in line_of(name) for words in stage.arguments("COPY")]
    sources = {word.removeprefix("--from=") for line in words for word in line if word.startswith("--from=")}
    return sources | {above.name for source in sources for above in line_of(source)}


def test_every_base_is_pinned_by_one_digest() -> None:
    bases = {stage.base for stage in STAGES.values() if stage.base not in STAGES}
    (base,) = bases
    assert re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", base)


def test_the_small_image_is_what_is_built_when_no_target_is_named() -> None:
    assert DEFAULT == "turnout"
    assert copied("turnout") == {"build"}
    assert copied("torch") == {"build", "build-torch"}


@pytest.mark.parametrize("target", ["turnout", "torch"])
def test_each_target_runs_as_a_number_that_is_not_root(target: str) -> None:
    users = [words for stage in line_of(target) for words in stage.arguments("USER")]
    assert users == [["65532:65532"]]


@pytest.mark.parametrize("target", ["turnout", "torch"])
def test_each_target_installs_nothing_on_its_own(target: str) -> None:
    assert [words for stage in line_of(target) for words in stage.arguments("RUN")] == []


def test_nothing_is_fetched_but_by_hash() -> None:
    instructions = {name for stage in STAGES.values() for name, _ in stage.instructions}
    runs = [" ".join(words) for stage in STAGES.values() for words in stage.arguments("RUN")]
    assert "ADD" not in instructions
    assert not re.search(r"https?://|\bcurl\b|\bwget\b|\bgit\b|\bapt", " ".join(runs))
    installs = [part for run in runs for part in run.split("&&") if re.search(r"\binstall\b", part)]
    assert installs
    assert all("--require-hashes" in part or "/wheel/turnout-*.whl" in part for part in installs)


def test_the_image_of_the_stories_is_run_like_the_one_of_docker() -> None:
    runtime = STAGES["runtime"]
    env = dict(word.split("=", 1) for words in runtime.arguments("ENV") for word in words)
    env["PATH"] = env["PATH"].replace("$PATH", "")
    ours = dict(word.split("=", 1) for word in CONFIG["Env"])
    assert ours.pop("PATH").startswith(env.pop("PATH"))
    assert ours == env
    assert [CONFIG["User"]] == runtime.arguments("USER")[0]
    assert [CONFIG["WorkingDir"]] == runtime.arguments("WORKDIR")[0]
    assert CONFIG["Entrypoint"] == runtime.listed("ENTRYPOINT")
    assert CONFIG["Cmd"] == runtime.listed("CMD")
    assert list(CONFIG["ExposedPorts"]) == [f"{port}/tcp" for (port,) in runtime.arguments("EXPOSE")]


def test_what_is_copied_is_there_and_not_ignored() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    sources = [
        source
        for stage in STAGES.values()
        for words in stage.arguments("COPY")
        if not words[0].startswith("--from")
        for source in words[:-1]
    ]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(Path(source).match(pattern) or source.startswith(pattern) for pattern in allowed), source


@pytest.mark.parametrize(
    ("lock", "tested"), [("service", "base"), ("build", "base"), ("service-torch", "torch"), ("service", "torch")]
)
def test_what_is_installed_is_pinned_as_in_the_tests(lock: str, tested: str) -> None:
    pins = _pins(lock)
    assert pins
    assert pins <= _pins(tested)


def test_the_torch_target_adds_to_what_the_small_image_holds() -> None:
    small, large = _pins("service"), _pins("service-torch")
    assert small <= large
    added = {name for name, _ in large - small}
    assert {"torch", "sentence-transformers"} <= added
    assert not {name for name, _ in small} & {"torch", "sentence-transformers", "matplotlib", "pytest"}


def test_every_dependency_of_the_package_is_in_the_lock_of_the_image() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {re.split(r"[<>=;!~ \[]", line)[0] for line in project["dependencies"]}
    assert needed <= {name for name, _ in _pins("service")}


def test_nothing_that_is_left_out_of_the_image_is_imported() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "service" / "turnout").rglob("*.py"))
    modules = [line.replace("/", ".") for line in LEFT_OUT if "*" not in line and "." not in line]
    assert "kubernetes.aio" in modules
    for module in modules:
        parent, _, name = module.rpartition(".")
        assert not re.search(rf"^\s*(import|from) {re.escape(module)}\b", code, flags=re.MULTILINE), module
        assert not parent or not re.search(rf"^\s*from {re.escape(parent)} import .*\b{name}\b", code, flags=re.M), (
            module
        )


def test_what_is_left_out_lies_inside_of_one_package() -> None:
    assert LEFT_OUT
    assert all(re.fullmatch(r"[a-z_]+(/[\w.*-]+)*", line) and ".." not in line for line in LEFT_OUT)


def _pins(lock: str) -> set[tuple[str, str]]:
    text = (ROOT / "requirements" / f"{lock}.lock").read_text()
    return set(re.findall(r"^([a-z0-9-]+)==(\S+)", text, flags=re.MULTILINE))
