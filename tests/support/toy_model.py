"""Real models that are tiny: a true tokenizer file and seeded weights, written into a store in milliseconds."""

from __future__ import annotations

import re
import shutil
import string
import uuid
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from support.releases import MODEL, merged
from turnout.embedding.files import (
    CONFIG,
    LIMITS,
    MODULES,
    POOLING,
    STATIC_TYPE,
    TOKENIZER,
    WEIGHTS,
    sha256,
    write_json,
)
from turnout.embedding.static import TENSOR
from turnout.embedding.store import folder_of
from turnout.release.artifacts import Model

TEXT = (
    "A turnout is the railway switch that moves a running train to another track. The signal is red, the points are "
    "set, the branch line is clear. Trains stop, wait and go on; a driver reads the signal and the timetable. Return "
    "the list of open files, raise an error if the path is missing, close the connection and write the document. "
    "A query asks, a passage answers, a vector is near another vector when both mean the same thing."
)
MAX_TOKENS = 128


def make_toy_model(store: Path, *, dims: int = 16, seed: int = 0, max_tokens: int = MAX_TOKENS) -> Model:
    """Put a static model into the store and return its artifact. `seed` makes other weights, so another model."""
    making = store / f"making-{uuid.uuid4().hex}"
    write_tokenizer(making, special=False)
    vocabulary = Tokenizer.from_file(str(making / TOKENIZER)).get_vocab_size()
    weights = np.random.default_rng(seed).standard_normal((vocabulary, dims)).astype(np.float32)
    save_file({TENSOR: weights}, making / WEIGHTS)
    write_json(making / CONFIG, {"model_type": STATIC_TYPE, "hidden_dim": dims, "_name_or_path": f"toy-{seed}"})
    write_modules(making, "StaticEmbedding", dims=dims, max_tokens=max_tokens)
    digests = {"weights": sha256(making / WEIGHTS), "tokenizer": sha256(making / TOKENIZER)}
    keep(making, folder_of(digests["weights"], store))
    changes = {"id": f"toy-{seed}", "digests": digests, "dims": dims, "max_tokens": max_tokens}
    return msgspec.convert(merged(MODEL, changes), Model)


def write_tokenizer(folder: Path, *, special: bool) -> int:
    """Write a WordPiece tokenizer of the words and letters of `TEXT`, always the same. Returns its vocabulary size."""
    folder.mkdir(parents=True, exist_ok=True)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = tokens + sorted(_pieces())
    tokenizer = Tokenizer(models.WordPiece({piece: place for place, piece in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(tokens)
    if special:
        tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / TOKENIZER))
    return len(vocabulary)


def write_modules(
    folder: Path, first: str, *, dims: int, max_tokens: int, pooling: str = "mean", normalize: bool = True
) -> None:
    """Write the sentence-transformers files that say what happens after the first module."""
    kinds = [first, *(["Pooling"] if first == "Transformer" else []), *(["Normalize"] if normalize else [])]
    paths = {first: "", "Pooling": "1_Pooling", "Normalize": "2_Normalize"}
    modules = [
        {"idx": place, "name": str(place), "path": paths[kind], "type": f"sentence_transformers.models.{kind}"}
        for place, kind in enumerate(kinds)
    ]
    write_json(folder / MODULES, modules)
    write_json(folder / LIMITS, {"max_seq_length": max_tokens, "do_lower_case": False})
    modes = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens"}
    chosen = {f"pooling_mode_{key}": mode == pooling for mode, key in modes.items()}
    write_json(folder / POOLING, {"word_embedding_dimension": dims, **chosen})


def keep(making: Path, folder: Path) -> None:
    """Move a finished folder to its place, unless another test was first."""
    try:
        making.rename(folder)
    except OSError:
        shutil.rmtree(making)


def _pieces() -> set[str]:
    words = set(re.findall(r"\w+|[^\w\s]", TEXT.lower()))
    letters = set(string.ascii_lowercase + string.digits + string.punctuation)
    return words | letters | {f"##{letter}" for letter in string.ascii_lowercase + string.digits}


def make_toy_encoder(folder: Path, *, dims: int = 16, layers: int = 2, seed: int = 0, **modules: Any) -> Path:
    """Write a BERT with random weights as it would be published, in sentence-transformers layout.

    `modules` are those of `write_modules`. It is a true model for every runtime, sentence-transformers too.
    """
    vocabulary = write_tokenizer(folder, special=True)
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": dims,
        "intermediate_size": 2 * dims,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": 512,
        "num_attention_heads": 4,
        "num_hidden_layers": layers,
        "pad_token_id": 0,
        "type_vocab_size": 2,
        "vocab_size": vocabulary,
    }
    write_json(folder / CONFIG, config)
    names = {
        "unk_token": "[UNK]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "cls_token": "[CLS]",
        "mask_token": "[MASK]",
    }
    write_json(
        folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizerFast", "model_max_length": 512, **names}
    )
    write_modules(folder, "Transformer", dims=dims, **({"max_tokens": MAX_TOKENS} | modules))
    save_file(_bert_weights(config, np.random.default_rng(seed)), folder / WEIGHTS, metadata={"format": "pt"})
    return folder


def _bert_weights(config: dict[str, Any], random: np.random.Generator) -> dict[str, np.ndarray]:
    dims, inner = config["hidden_size"], config["intermediate_size"]

    def draw(*shape: int) -> np.ndarray:
        return (0.3 * random.standard_normal(shape)).astype(np.float32)

    weights = {
        "embeddings.word_embeddings.weight": draw(config["vocab_size"], dims),
        "embeddings.position_embeddings.weight": draw(config["max_position_embeddings"], dims),
        "embeddings.token_type_embeddings.weight": draw(config["type_vocab_size"], dims),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in (f"encoder.layer.{number}" for number in range(config["num_hidden_layers"])):
        denses = {f"attention.self.{part}": (dims, dims) for part in ("query", "key", "value")}
        denses |= {"attention.output.dense": (dims, dims), "intermediate.dense": (inner, dims)}
        for name, (rows, columns) in (denses | {"output.dense": (dims, inner)}).items():
            weights[f"{layer}.{name}.weight"] = draw(rows, columns)
            weights[f"{layer}.{name}.bias"] = draw(rows)
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
    for name in norms:
        weights |= {f"{name}.weight": 1 + draw(dims), f"{name}.bias": draw(dims)}
    return weights
