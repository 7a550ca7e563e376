"""What this CPU can do, and so which runtime is best on it. Asked by whoever writes a model.yaml for this machine."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

from turnout.release.artifacts import Runtime

BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
"""Without one of these OpenVINO computes bf16 by way of fp32: slower, and with nothing won."""


@cache
def flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """The CPU's flags as Linux names them; nothing where there is no such file."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), []))


def has_bf16() -> bool:
    """Whether the CPU multiplies bf16."""
    return not BF16_FLAGS.isdisjoint(flags())


def best_runtime() -> Runtime:
    """The fastest torch-free runtime of this machine: OpenVINO, in bf16 where the CPU has it; else ONNX Runtime."""
    exact = best_exact_runtime()
    return Runtime(name="openvino", precision="bf16") if exact.name == "openvino" and has_bf16() else exact


def best_exact_runtime() -> Runtime:
    """The fastest torch-free runtime of this machine whose vectors are those of sentence-transformers (fp32)."""
    return Runtime(name="onnx" if importlib.util.find_spec("openvino") is None else "openvino")
