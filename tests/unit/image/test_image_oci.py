"""Images made without Docker: the same bytes for the same content, and blobs that are what their names say."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from e2e.images.oci import Image, Layer, assemble, pack


def tree(folder: Path, *, names: tuple[str, ...] = ("a", "b"), mode: int = 0o644, mtime: int = 1) -> Path:
    (folder / "usr").mkdir(parents=True)
    (folder / "tmp").mkdir()
    (folder / "tmp").chmod(0o1777)
    (folder / "lib").symlink_to("usr")
    for name in names:
        path = folder / "usr" / name
        path.write_text(name)
        path.chmod(mode)
        os.utime(path, (mtime, mtime))
    (folder / "usr" / "program").write_text("#!/bin/sh\n")
    (folder / "usr" / "program").chmod(0o700)
    return folder


def read(tar: Path) -> dict[str, bytes]:
    with tarfile.open(tar) as content:
        return {info.name: _file(content, info) for info in content if info.isreg()}


def _file(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(info)
    assert file is not None
    return file.read()


@pytest.fixture
def layers(tmp_path: Path) -> tuple[Layer, Layer]:
    return (
        pack(tree(tmp_path / "first"), tmp_path / "first.tar"),
        pack(tree(tmp_path / "second", names=("c",)), tmp_path / "second.tar"),
    )


def test_the_same_content_is_the_same_layer_whenever_and_by_whomever_it_was_written(tmp_path: Path) -> None:
    one = pack(tree(tmp_path / "one"), tmp_path / "1.tar")
    two = pack(tree(tmp_path / "two", names=("b", "a"), mode=0o600, mtime=99), tmp_path / "2.tar")
    assert (one.digest, one.size) == (two.digest, two.size)
    assert one.path.read_bytes() == two.path.read_bytes()


def test_other_content_is_another_layer(layers: tuple[Layer, Layer]) -> None:
    assert layers[0].digest != layers[1].digest


def test_a_layer_keeps_links_programs_and_the_open_folder_and_belongs_to_root(layers: tuple[Layer, Layer]) -> None:
    with tarfile.open(layers[0].path) as tar:
        found = {info.name: info for info in tar}
    assert found["lib"].linkname == "usr"
    assert found["tmp"].mode == 0o1777
    assert (found["usr/program"].mode, found["usr/a"].mode) == (0o755, 0o644)
    assert {(info.uid, info.gid, info.mtime) for info in found.values()} == {(0, 0, 0)}


def test_a_pipe_is_no_part_of_a_layer(tmp_path: Path) -> None:
    folder = tree(tmp_path / "tree")
    os.mkfifo(folder / "pipe")
    with pytest.raises(ValueError, match="pipe"):
        pack(folder, tmp_path / "layer.tar")


def test_each_blob_has_the_digest_and_the_size_that_its_image_says(tmp_path: Path, layers: tuple[Layer, Layer]) -> None:
    content = read(assemble(tmp_path / "out.tar", [Image("registry.test/x:1", layers, {"User": "65532"})]))
    blobs = {name.removeprefix("blobs/sha256/"): data for name, data in content.items() if name.startswith("blobs/")}
    assert all(hashlib.sha256(data).hexdigest() == digest for digest, data in blobs.items())
    (described,) = json.loads(content["index.json"])["manifests"]
    manifest = json.loads(_blob(blobs, described))
    configuration = json.loads(_blob(blobs, manifest["config"]))
    assert [len(_blob(blobs, layer)) for layer in manifest["layers"]] == [layer.size for layer in layers]
    assert configuration["rootfs"]["diff_ids"] == [layer.digest for layer in layers]
    assert configuration["config"] == {"User": "65532"}
    assert described["annotations"]["io.containerd.image.name"] == "registry.test/x:1"
    assert json.loads(content["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}


def _blob(blobs: dict[str, bytes], descriptor: dict[str, Any]) -> bytes:
    data = blobs[descriptor["digest"].removeprefix("sha256:")]
    assert len(data) == descriptor["size"]
    return data


def test_images_in_one_tar_share_their_layers(tmp_path: Path, layers: tuple[Layer, Layer]) -> None:
    images = [Image("x:1", layers[:1], {}), Image("x:2", layers, {})]
    with tarfile.open(assemble(tmp_path / "out.tar", images)) as tar:
        names = tar.getnames()
    assert len(names) == len(set(names)) == 2 + 2 + 2 + 2  # layout and index; manifests; configurations; layers


def test_the_same_images_are_the_same_tar(tmp_path: Path, layers: tuple[Layer, Layer]) -> None:
    images = [Image("x:1", layers, {"User": "1", "Cmd": []})]
    again = [Image("x:1", layers, {"Cmd": [], "User": "1"})]
    assert assemble(tmp_path / "1.tar", images).read_bytes() == assemble(tmp_path / "2.tar", again).read_bytes()
