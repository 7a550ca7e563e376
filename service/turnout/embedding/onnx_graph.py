"""ONNX Runtime: the graph on any CPU, without torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from turnout.embedding import Vectors


class OnnxGraph:
    """A session of ONNX Runtime on the CPU."""

    def __init__(self, file: Path, *, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # Threads that wait by spinning take the core from Elasticsearch and from the followers beside us.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: ort.InferenceSession | None = ort.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )

    def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Vectors:
        """See `Graph`."""
        if self._session is None:
            raise RuntimeError("the model was closed")
        vectors: Vectors = self._session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        return vectors

    def close(self) -> None:
        """See `Graph`."""
        self._session = None
