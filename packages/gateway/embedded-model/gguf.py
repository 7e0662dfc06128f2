"""Writes a checkpoint and its tokenizer as one GGUF file (version 3), with 16-bit floats or 8-bit blocks.

    python3 gguf.py lm.pt ripstop-tiny.gguf --type q8_0

Reads `tok.model` in the current folder. Source of the format: docs/gguf.md in the ggml repository.
"""

from __future__ import annotations

import argparse
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy
import sentencepiece
import torch
from model import EPSILON, ROPE_BASE, Shape

ALIGNMENT = 32
# Kinds of metadata values.
U32, I32, F32, BOOL, TEXT, LIST = 4, 5, 6, 7, 8, 9
# Kinds of tokens.
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
# Types of tensors, by the number of the type and of a file that consists of it.
TENSOR_TYPES = {"f32": 0, "f16": 1, "q8_0": 8}
FILE_TYPES = {"f16": 1, "q8_0": 7}
CHATML = ("<|im_start|>", "<|im_end|>")
CHAT_TEMPLATE = (
    "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

Tensor = tuple[str, tuple[int, ...], int, bytes]
"""Name, shape, number of its type, data."""


def text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def field(key: str, kind: int, value: object) -> bytes:
    packed = text(str(value)) if kind == TEXT else struct.pack({U32: "<I", F32: "<f", BOOL: "<B"}[kind], value)
    return text(key) + struct.pack("<I", kind) + packed


def list_field(key: str, kind: int, values: Sequence[object]) -> bytes:
    head = text(key) + struct.pack("<IIQ", LIST, kind, len(values))
    pack = {TEXT: lambda value: text(str(value)), F32: lambda value: struct.pack("<f", value),
            I32: lambda value: struct.pack("<i", value)}[kind]
    return head + b"".join(map(pack, values))


def metadata(shape: Shape, weights: str) -> list[bytes]:
    return [
        field("general.architecture", TEXT, "llama"),
        field("general.name", TEXT, "ripstop-tiny"),
        field("general.license", TEXT, "apache-2.0"),
        field("general.file_type", U32, FILE_TYPES[weights]),
        field("general.alignment", U32, ALIGNMENT),
        field("llama.context_length", U32, shape.context),
        field("llama.embedding_length", U32, shape.width),
        field("llama.block_count", U32, shape.layers),
        field("llama.feed_forward_length", U32, shape.feed_forward),
        field("llama.attention.head_count", U32, shape.heads),
        field("llama.attention.head_count_kv", U32, shape.heads),
        field("llama.rope.dimension_count", U32, shape.head_width),
        field("llama.attention.layer_norm_rms_epsilon", F32, EPSILON),
        field("llama.rope.freq_base", F32, ROPE_BASE),
        field("llama.vocab_size", U32, shape.vocabulary),
    ]


def tokenizer_metadata(file: str) -> list[bytes]:
    pieces = sentencepiece.SentencePieceProcessor(model_file=file)

    def kind(token: int) -> int:
        if pieces.is_unknown(token):
            return UNKNOWN
        if pieces.is_control(token) or pieces.id_to_piece(token) in CHATML:
            return CONTROL
        return BYTE if pieces.is_byte(token) else NORMAL

    tokens = range(pieces.vocab_size())
    return [
        field("tokenizer.ggml.model", TEXT, "llama"),
        list_field("tokenizer.ggml.tokens", TEXT, [pieces.id_to_piece(token) for token in tokens]),
        list_field("tokenizer.ggml.scores", F32, [pieces.get_score(token) for token in tokens]),
        list_field("tokenizer.ggml.token_type", I32, [kind(token) for token in tokens]),
        field("tokenizer.ggml.bos_token_id", U32, pieces.bos_id()),
        field("tokenizer.ggml.eos_token_id", U32, pieces.piece_to_id("<|im_end|>")),
        field("tokenizer.ggml.unknown_token_id", U32, pieces.unk_id()),
        field("tokenizer.ggml.padding_token_id", U32, pieces.pad_id()),
        field("tokenizer.ggml.add_bos_token", BOOL, True),
        field("tokenizer.ggml.add_eos_token", BOOL, False),
        field("tokenizer.ggml.add_space_prefix", BOOL, False),
        field("tokenizer.chat_template", TEXT, CHAT_TEMPLATE),
    ]


def quantise(values: numpy.ndarray) -> bytes:
    """Blocks of 32: a 16-bit scale, then each value as a signed byte."""
    blocks = values.reshape(-1, 32)
    scale = numpy.abs(blocks).max(1, keepdims=True) / 127
    inverse = numpy.where(scale > 0, 1 / numpy.maximum(scale, 1e-30), 0)
    steps = numpy.round(blocks * inverse).astype(numpy.int8)
    return numpy.concatenate([scale.astype(numpy.float16).view(numpy.int8).reshape(-1, 2), steps], 1).tobytes()


def tensor(name: str, values: numpy.ndarray, weights: str) -> Tensor:
    """Vectors stay 32-bit floats: they are few, and much depends on them."""
    kind = "f32" if values.ndim == 1 else weights
    encode = {
        "f32": lambda array: array.astype(numpy.float32).tobytes(),
        "f16": lambda array: array.astype(numpy.float16).tobytes(),
        "q8_0": quantise,
    }[kind]
    return f"{name}.weight", values.shape, TENSOR_TYPES[kind], encode(values)


def tensors(shape: Shape, state: dict[str, torch.Tensor], weights: str) -> list[Tensor]:
    def values(name: str) -> numpy.ndarray:
        return state[f"{name}.weight"].float().numpy()

    written = [
        tensor("token_embd", values("embedding"), weights),
        tensor("output_norm", values("output_norm"), weights),
    ]
    for layer in range(shape.layers):
        source, target = f"blocks.{layer}", f"blk.{layer}"
        query, key, value = numpy.split(values(f"{source}.query_key_value"), 3)
        gate, up = numpy.split(values(f"{source}.gate_up"), 2)
        written += [
            tensor(f"{target}.attn_norm", values(f"{source}.attention_norm"), weights),
            tensor(f"{target}.ffn_norm", values(f"{source}.feed_forward_norm"), weights),
            tensor(f"{target}.attn_q", query, weights),
            tensor(f"{target}.attn_k", key, weights),
            tensor(f"{target}.attn_v", value, weights),
            tensor(f"{target}.attn_output", values(f"{source}.attention_output"), weights),
            tensor(f"{target}.ffn_gate", gate, weights),
            tensor(f"{target}.ffn_up", up, weights),
            tensor(f"{target}.ffn_down", values(f"{source}.down"), weights),
        ]
    return written


def padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % ALIGNMENT)


def write(path: Path, fields: list[bytes], contents: list[Tensor]) -> None:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(contents), len(fields)) + b"".join(fields)
    offset = 0
    for name, size, kind, data in contents:
        dimensions = [struct.pack("<Q", length) for length in reversed(size)]  # the fastest first
        head += text(name) + struct.pack("<I", len(size)) + b"".join(dimensions) + struct.pack("<IQ", kind, offset)
        offset += len(padded(data))
    path.write_bytes(padded(head) + b"".join(padded(data) for *_, data in contents))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--type", choices=FILE_TYPES, default="q8_0")
    arguments = parser.parse_args()
    checkpoint = torch.load(arguments.checkpoint)
    shape = Shape(**checkpoint["shape"])
    fields = metadata(shape, arguments.type) + tokenizer_metadata("tok.model")
    write(arguments.out, fields, tensors(shape, checkpoint["weights"], arguments.type))
    print(f"{arguments.out}: {arguments.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
