"""What goes into the layers: which wheels, what is left out, and what is made again when."""

from __future__ import annotations

from pathlib import Path

from e2e.images import python
from e2e.images.layers import Layers

LOCK = """\
always==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
newer==2.0 ; python_full_version >= '3.12' \\
    --hash=sha256:cc
older==1.5 ; python_full_version < '3.12' \\
    --hash=sha256:dd
other-machine==3.0 ; platform_machine == 'sparc' \\
    --hash=sha256:ee
windows==4.0 ; sys_platform == 'win32' \\
    --hash=sha256:ff
"""


def test_entries_of_the_lock_are_judged_by_the_python_of_the_image() -> None:
    assert python.for_target(LOCK, version="3.11.2", machine="x86_64") == (
        "always==1.0 --hash=sha256:aa --hash=sha256:bb\nolder==1.5 --hash=sha256:dd\n"
    )
    assert "newer==2.0" in python.for_target(LOCK, version="3.13.1", machine="x86_64")


def test_the_lock_of_the_image_has_each_package_once_and_always_with_hashes() -> None:
    lock = (Path(__file__).parents[3] / "requirements" / "service.lock").read_text()
    lines = python.for_target(lock, version="3.11.2", machine="x86_64").splitlines()
    names = [line.split("==")[0] for line in lines]
    assert len(names) == len(set(names)) > 50
    assert {"numpy", "openvino", "litestar"} <= set(names)
    assert all("--hash=sha256:" in line and ";" not in line for line in lines)


def test_what_is_left_out_is_gone_and_nothing_else(tmp_path: Path) -> None:
    for name in ("big/libs/gpu.so.1", "big/libs/gpu.so.2", "big/libs/cpu.so", "big/tests/x.py", "small/tests/y.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    python.leave_out("# a reason\nbig/libs/gpu.so*\n\nbig/tests\nnot/there\n", tmp_path)
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["big/libs/cpu.so", "small/tests/y.py"]


def test_a_layer_is_made_once_and_again_when_what_it_is_made_of_changes(tmp_path: Path) -> None:
    model = tmp_path / ("ab" * 32)
    model.mkdir()
    (model / "weights").write_text("one")
    made: list[str] = []

    first = Layers(tmp_path / "images", made.append).model(model)
    assert Layers(tmp_path / "images", made.append).model(model) == first
    assert len(made) == 1

    (model / "weights").write_text("two")
    second = Layers(tmp_path / "images", made.append).model(model)
    assert second.digest != first.digest
    assert len(made) == 2
    assert not first.path.exists()


def test_a_layer_that_was_cut_short_is_made_again(tmp_path: Path) -> None:
    model = tmp_path / ("cd" * 32)
    model.mkdir()
    (model / "weights").write_text("one")
    made: list[str] = []
    first = Layers(tmp_path / "images", made.append).model(model)
    first.path.with_suffix(".digest").unlink()
    assert Layers(tmp_path / "images", made.append).model(model) == first
    assert len(made) == 2


def test_a_fault_changes_one_small_layer_only(tmp_path: Path) -> None:
    layers = Layers(tmp_path / "images", print)
    slow, errors = layers.fault("slow"), layers.fault("errors")
    assert slow.digest != errors.digest
    assert max(slow.size, errors.size) < 100_000
