"""Which images the stories need, and what each is made of. The stories and the cluster call `build`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from e2e.images import models
from e2e.images.layers import Layers, Log, timed
from e2e.images.oci import Image, assemble

TURNOUT = "turnout.local/turnout:e2e"
NEXT = "turnout.local/turnout:e2e-next"
SLOW = "turnout.local/turnout:e2e-slow"
ERRORS = "turnout.local/turnout:e2e-errors"
MODELS = "turnout.local/turnout-models:e2e"

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_USER = "65532:65532"
# As the Dockerfile says; a test compares them.
CONFIG: dict[str, Any] = {
    "User": _USER,
    "Env": [
        f"PATH=/opt/turnout/bin:{_PATH}",
        "HOME=/tmp",
        "HF_HUB_OFFLINE=1",
        "PYTHONDONTWRITEBYTECODE=1",
        "PYTHONUNBUFFERED=1",
        "TURNOUT_MODELS=/models",
    ],
    "WorkingDir": "/work",
    "ExposedPorts": {"8080/tcp": {}},
    "Entrypoint": ["turnout"],
    "Cmd": ["--help"],
}
_BUSYBOX: dict[str, Any] = {"User": _USER, "Env": [f"PATH={_PATH}"], "WorkingDir": "/"}
_MIB = 1 << 20


def build(folder: Path, log: Log = print) -> dict[str, Path]:
    """Assemble every image of the stories; the tars by name. Each tar is imported once.

    `turnout` holds four references: the image (`TURNOUT`), the same with another digest for changes of the image only
    (`NEXT`), and two that misbehave (`SLOW`, `ERRORS`). `turnout-models` holds `MODELS`.

    Args:
        folder: the project's folder for what is made; models are in its `models`, images in its `e2e/images`.
        log: is told what was made, with seconds and MiB.

    Raises:
        EnvironmentProblem: apt, dpkg or pip can't give what the images are made of.
    """
    images = folder / "e2e" / "images"
    layers = Layers(images, log)
    tars = {"turnout-models": _models(layers, folder / "models"), "turnout": _turnout(layers)}
    return {name: _written(images / f"{name}.tar", content, log) for name, content in tars.items()}


def _models(layers: Layers, store: Path) -> list[Image]:
    weights = [layers.model(folder) for folder in models.prepared(store)]
    return [Image(MODELS, (layers.busybox(), *weights), {**_BUSYBOX, "Cmd": ["/bin/ls", "/models"]})]


def _turnout(layers: Layers) -> list[Image]:
    product = (layers.python(), layers.project())
    return [
        Image(TURNOUT, product, CONFIG),
        Image(NEXT, product, {**CONFIG, "Labels": {"turnout.dev/build": "next"}}),
        Image(SLOW, (*product, layers.fault("slow")), CONFIG),
        Image(ERRORS, (*product, layers.fault("errors")), CONFIG),
    ]


def _written(tar: Path, images: list[Image], log: Log) -> Path:
    with timed(log, tar.name):
        assemble(tar, images)
    log(f"image: {tar.name} is {tar.stat().st_size // _MIB} MiB")
    return tar
