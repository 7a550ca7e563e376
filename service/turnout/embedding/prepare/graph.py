"""A BERT-family encoder as an ONNX graph, built from its weights. Token vectors come out; pooling isn't in it.

torch's exporters need torch and got this model wrong; its arithmetic is short enough to be written down, and the
tests hold it to sentence-transformers. Only standard operators are used: ONNX Runtime and OpenVINO fuse them alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from turnout.errors import Refused

_OPSET, _IR = 20, 10
_SUPPORTED = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}

Weights = dict[str, NDArray[np.float32]]


@dataclass
class _Builder:
    """Collects nodes and weights; each method returns the name of its output."""

    weights: Weights
    epsilon: float
    nodes: list[Any] = field(default_factory=list)
    tensors: list[Any] = field(default_factory=list)

    def constant(self, name: str, value: Any) -> str:
        self.tensors.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def weight(self, name: str) -> str:
        return self.constant(name, self.weights[name])

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=f"{output}/{operator}", **attributes))
        return output

    def dense(self, value: str, name: str) -> str:
        """value @ W.T + b, as torch's Linear keeps W."""
        matrix = self.constant(f"{name}.weight", self.weights[f"{name}.weight"].T)
        product = self.node("MatMul", [value, matrix], f"{name}/product")
        return self.node("Add", [product, self.weight(f"{name}.bias")], f"{name}/sum")

    def norm(self, value: str, name: str) -> str:
        scale, shift = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.node("LayerNormalization", [value, scale, shift], f"{name}/norm", axis=-1, epsilon=self.epsilon)


def check(config: dict[str, Any], max_tokens: int) -> None:
    """Say no to what the graph would get wrong.

    Raises:
        Refused: another architecture, or a token limit above the model's positions.
    """
    for key, wanted in _SUPPORTED.items():
        if (found := config.get(key, wanted)) != wanted:
            raise Refused(
                f"{key} is {found!r}; a graph can be built for {wanted!r} only",
                where="config.json",
                remedy="Set runtime.name to sentence-transformers in model.yaml, or use a BERT-family encoder.",
            )
    if max_tokens > (positions := int(config["max_position_embeddings"])):
        raise Refused(
            f"max_seq_length {max_tokens} is above the {positions} positions that the model has",
            where="sentence_bert_config.json",
            remedy=f"Set max_seq_length to {positions} or less.",
        )


def build(config: dict[str, Any], weights: dict[str, NDArray[Any]]) -> Any:
    """The graph as an `onnx.ModelProto`: input_ids and attention_mask (batch, length) -> token_vectors.

    Raises:
        Refused: a weight that the architecture needs isn't there.
    """
    plain = {name.removeprefix("bert."): np.asarray(value, np.float32) for name, value in weights.items()}
    builder = _Builder(plain, epsilon=float(config["layer_norm_eps"]))
    try:
        hidden = _embeddings(builder)
        _attention_constants(builder, config)
        for layer in range(config["num_hidden_layers"]):
            hidden = _layer(builder, f"encoder.layer.{layer}", hidden)
    except KeyError as missing:
        raise Refused(
            f"the weights lack {missing}",
            where="model.safetensors",
            remedy="Set runtime.name to sentence-transformers in model.yaml.",
        ) from missing
    builder.node("Identity", [hidden], "token_vectors")
    model = _model(builder, dims=int(config["hidden_size"]))
    onnx.checker.check_model(model)
    return model


def _embeddings(b: _Builder) -> str:
    # Every text is one segment, so the type's vector is a constant of the position.
    segment = b.weights["embeddings.token_type_embeddings.weight"][0]
    positions = b.weights["embeddings.position_embeddings.weight"] + segment
    words = b.node("Gather", [b.weight("embeddings.word_embeddings.weight"), "input_ids"], "words", axis=0)
    b.node("Shape", ["input_ids"], "length", start=1, end=2)
    start = b.constant("start", np.array([0], np.int64))
    places = b.node("Slice", [b.constant("positions", positions), start, "length", start], "places")
    return b.norm(b.node("Add", [words, places], "embedded"), "embeddings.LayerNorm")


def _attention_constants(b: _Builder, config: dict[str, Any]) -> None:
    heads, dims = int(config["num_attention_heads"]), int(config["hidden_size"])
    b.constant("split_heads", np.array([0, 0, heads, dims // heads], np.int64))
    b.constant("join_heads", np.array([0, 0, dims], np.int64))
    b.constant("scale", np.float32(1 / np.sqrt(dims // heads)))
    kept = b.node("Cast", ["attention_mask"], "kept", to=TensorProto.FLOAT)
    kept = b.node("Unsqueeze", [kept, b.constant("mask_axes", np.array([1, 2], np.int64))], "kept4")
    dropped = b.node("Sub", [b.constant("one", np.float32(1)), kept], "dropped")
    b.node("Mul", [dropped, b.constant("lowest", np.finfo(np.float32).min)], "mask_bias")


def _layer(b: _Builder, name: str, hidden: str) -> str:
    attended = b.dense(_attention(b, f"{name}.attention.self", hidden), f"{name}.attention.output.dense")
    attended = b.node("Add", [attended, hidden], f"{name}/attended")
    attended = b.norm(attended, f"{name}.attention.output.LayerNorm")
    inner = b.dense(attended, f"{name}.intermediate.dense")
    inner = b.node("Gelu", [inner], f"{name}/gelu", approximate="none")
    outer = b.node("Add", [b.dense(inner, f"{name}.output.dense"), attended], f"{name}/outer")
    return b.norm(outer, f"{name}.output.LayerNorm")


def _attention(b: _Builder, name: str, hidden: str) -> str:
    def heads(part: str, order: list[int]) -> str:
        split = b.node("Reshape", [b.dense(hidden, f"{name}.{part}"), "split_heads"], f"{name}.{part}/split")
        return b.node("Transpose", [split], f"{name}.{part}/heads", perm=order)

    queries, keys = heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1])
    scores = b.node("MatMul", [queries, keys], f"{name}/scores")
    scores = b.node("Mul", [scores, "scale"], f"{name}/scaled")
    scores = b.node("Add", [scores, "mask_bias"], f"{name}/masked")
    shares = b.node("Softmax", [scores], f"{name}/shares", axis=-1)
    mixed = b.node("MatMul", [shares, heads("value", [0, 2, 1, 3])], f"{name}/mixed")
    mixed = b.node("Transpose", [mixed], f"{name}/together", perm=[0, 2, 1, 3])
    return b.node("Reshape", [mixed, "join_heads"], f"{name}/joined")


def _model(b: _Builder, *, dims: int) -> Any:
    def value(name: str, kind: int, *shape: str | int) -> Any:
        return helper.make_tensor_value_info(name, kind, list(shape))

    inputs = [value(name, TensorProto.INT64, "batch", "length") for name in ("input_ids", "attention_mask")]
    outputs = [value("token_vectors", TensorProto.FLOAT, "batch", "length", dims)]
    graph = helper.make_graph(b.nodes, "encoder", inputs, outputs, b.tensors)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR, producer_name="turnout"
    )
