"""OpenVINO: the graph on an x86-64 CPU.

Measured on two Zen 4 cores (all-MiniLM-L6-v2, 71 tokens on average), texts per second: fp32 58 with one thread and 117
with two, ONNX Runtime 57 and 97; bf16 206 with two threads, least cosine to fp32 0.99997.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from turnout.embedding import Vectors
from turnout.embedding.cpu import BF16_FLAGS, has_bf16
from turnout.errors import EnvironmentProblem
from turnout.release.artifacts import Precision

_HINTS = {"fp32": "f32", "bf16": "bf16"}


class OpenvinoGraph:
    """A compiled model of OpenVINO on the CPU, with a request for each thread that asks."""

    def __init__(self, file: Path, *, precision: Precision, threads: int) -> None:
        if precision == "bf16" and not has_bf16():
            raise EnvironmentProblem(
                f"the release needs bf16 and this CPU has none of the flags {', '.join(sorted(BF16_FLAGS))}",
                where=str(file),
                remedy="Run on a CPU that has one, or set runtime.precision to fp32 in model.yaml (new vectors).",
            )
        options = {
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "INFERENCE_NUM_THREADS": threads or _cores(),
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            # Pinned threads of two processes would share one core and leave the other idle.
            "ENABLE_CPU_PINNING": False,
        }
        self._model: ov.CompiledModel | None = ov.Core().compile_model(str(file), "CPU", options)
        self._local = threading.local()

    def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Vectors:
        """See `Graph`."""
        if self._model is None:
            raise RuntimeError("the model was closed")
        request = getattr(self._local, "request", None)
        if request is None:
            request = self._local.request = self._model.create_infer_request()
        request.infer({"input_ids": ids, "attention_mask": mask}, share_inputs=True)
        vectors: Vectors = request.get_output_tensor(0).data
        return vectors

    def close(self) -> None:
        """See `Graph`."""
        self._model = None
        self._local = threading.local()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
