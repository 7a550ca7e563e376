"""OCI images as tars that `ctr images import` takes, made of folders, without Docker or a registry.

The same content gives the same bytes: names are sorted, owners, times and umask are left out. `build` calls this.
Format: https://github.com/opencontainers/image-spec, layout version 1.0.0.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import stat
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TYPE = "application/vnd.oci.image"
_COPY_BYTES = 1 << 20
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Layer:
    """An uncompressed layer in a file. `digest` is `sha256:<64 hex>`, `size` in bytes."""

    path: Path
    digest: str
    size: int


@dataclass(frozen=True)
class Image:
    """What one reference names. `config` holds the `config` object of the image configuration (Env, User, ...)."""

    reference: str
    layers: tuple[Layer, ...]
    config: dict[str, Any]


def pack(tree: Path, out: Path) -> Layer:
    """Make a layer of everything in a folder.

    Raises:
        ValueError: the folder holds something that is neither a file, a folder nor a symbolic link.
    """
    partial = out.with_name(out.name + ".partial")
    with tarfile.TarFile(partial, "w", format=tarfile.PAX_FORMAT, copybufsize=_COPY_BYTES) as tar:
        for path in _everything(tree):
            info = _entry(path, path.relative_to(tree).as_posix())
            if info.isreg():
                with path.open("rb") as content:
                    tar.addfile(info, content)
            else:
                tar.addfile(info)
    with partial.open("rb") as file:
        digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    partial.replace(out)
    return Layer(out, digest, out.stat().st_size)


def assemble(out: Path, images: Sequence[Image]) -> Path:
    """Write images into one tar; layers that they share are in it once.

    Importing it gives each image its full reference. Replaces `out` at once or not at all.
    """
    blobs: dict[str, bytes | Path] = {}
    manifests = [_manifest(image, blobs) for image in images]
    index = {"schemaVersion": 2, "mediaType": f"{_TYPE}.index.v1+json", "manifests": manifests}
    partial = out.with_name(out.name + ".partial")
    with tarfile.TarFile(partial, "w", format=tarfile.PAX_FORMAT, copybufsize=_COPY_BYTES) as tar:
        _add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add(tar, "index.json", _json(index))
        for digest, content in sorted(blobs.items()):
            _add(tar, "blobs/" + digest.replace(":", "/"), content)
    partial.replace(out)
    return out


def _manifest(image: Image, blobs: dict[str, bytes | Path]) -> dict[str, Any]:
    """The descriptor of an image's manifest; what it names goes into `blobs`."""
    architecture = _ARCHITECTURES.get(platform.machine(), platform.machine())
    configuration = {
        "architecture": architecture,
        "os": "linux",
        "config": image.config,
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in image.layers]},
    }
    for layer in image.layers:
        blobs[layer.digest] = layer.path
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_TYPE}.manifest.v1+json",
        "config": _put(_json(configuration), f"{_TYPE}.config.v1+json", blobs),
        "layers": [
            {"mediaType": f"{_TYPE}.layer.v1.tar", "digest": layer.digest, "size": layer.size} for layer in image.layers
        ],
    }
    return {
        **_put(_json(manifest), f"{_TYPE}.manifest.v1+json", blobs),
        "platform": {"architecture": architecture, "os": "linux"},
        "annotations": {
            # containerd takes the whole reference from its own annotation, and only the tag from OCI's.
            "io.containerd.image.name": image.reference,
            "org.opencontainers.image.ref.name": image.reference.rpartition(":")[2],
        },
    }


def _put(content: bytes, media_type: str, blobs: dict[str, bytes | Path]) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    blobs[digest] = content
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _add(tar: tarfile.TarFile, name: str, content: bytes | Path) -> None:
    info = tarfile.TarInfo(name)
    if isinstance(content, bytes):
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
        return
    info.size = content.stat().st_size
    with content.open("rb") as file:
        tar.addfile(info, file)


def _everything(folder: Path) -> Iterator[Path]:
    """What is in a folder, parents first, in the order of names; symbolic links aren't followed."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        path = Path(entry.path)
        yield path
        if entry.is_dir(follow_symlinks=False):
            yield from _everything(path)


def _entry(path: Path, name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, os.readlink(path), 0o777
    elif stat.S_ISDIR(found.st_mode):
        info.type, info.mode = tarfile.DIRTYPE, 0o1777 if found.st_mode & stat.S_ISVTX else 0o755
    elif stat.S_ISREG(found.st_mode):
        info.size, info.mode = found.st_size, 0o755 if found.st_mode & stat.S_IXUSR else 0o644
    else:
        raise ValueError(f"{path} is neither a file, a folder nor a symbolic link")
    return info
