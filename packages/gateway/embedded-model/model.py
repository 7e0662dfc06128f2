"""The network: a Llama. Pre-normalised blocks of rotary attention and SwiGLU, tied embeddings, no biases.

Sources: Touvron et al., LLaMA (2023); Su et al., RoFormer (2021); Shazeer, GLU Variants Improve Transformer (2020);
Zhang and Sennrich, Root Mean Square Layer Normalization (2019).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-5
ROPE_BASE = 10_000.0


@dataclass
class Shape:
    width: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    context: int

    @property
    def head_width(self) -> int:
        return self.width // self.heads


class RmsNorm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        exact = x.float()  # 16 bits are too few for a mean of squares
        scale = torch.rsqrt(exact.pow(2).mean(-1, keepdim=True) + EPSILON)
        return (exact * scale * self.weight).to(x.dtype)


def rotations(context: int, head_width: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines by position and pair of neighbouring values."""
    frequencies = 1.0 / ROPE_BASE ** (torch.arange(0, head_width, 2).float() / head_width)
    angles = torch.outer(torch.arange(context).float(), frequencies)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """`x`: batch, position, head, value. Neighbouring pairs are rotated, as GGUF files of this architecture expect."""
    length = x.shape[1]
    cosine = cosines[:length].unsqueeze(1).to(x.dtype)
    sine = sines[:length].unsqueeze(1).to(x.dtype)
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), -1).flatten(-2)


class Block(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.attention_norm = RmsNorm(shape.width)
        self.feed_forward_norm = RmsNorm(shape.width)
        self.query_key_value = nn.Linear(shape.width, 3 * shape.width, bias=False)
        self.attention_output = nn.Linear(shape.width, shape.width, bias=False)
        self.gate_up = nn.Linear(shape.width, 2 * shape.feed_forward, bias=False)
        self.down = nn.Linear(shape.feed_forward, shape.width, bias=False)

    def forward(self, x: Tensor, cosines: Tensor, sines: Tensor, mask: Tensor) -> Tensor:
        batch, length, width = x.shape
        heads = (batch, length, 3, self.shape.heads, self.shape.head_width)
        query, key, value = self.query_key_value(self.attention_norm(x)).view(heads).unbind(2)
        query = rotate(query, cosines, sines).transpose(1, 2)
        key = rotate(key, cosines, sines).transpose(1, 2)
        scores = (query @ key.transpose(-2, -1)) / math.sqrt(self.shape.head_width)
        weights = torch.softmax(scores + mask[:length, :length].to(scores.dtype), -1)
        mixed = (weights @ value.transpose(1, 2)).transpose(1, 2).reshape(batch, length, width)
        x = x + self.attention_output(mixed)
        gate, up = self.gate_up(self.feed_forward_norm(x)).chunk(2, -1)
        return x + self.down(functional.silu(gate) * up)


class LanguageModel(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList([Block(shape) for _ in range(shape.layers)])
        self.output_norm = RmsNorm(shape.width)
        cosines, sines = rotations(shape.context, shape.head_width)
        mask = torch.full((shape.context, shape.context), float("-inf")).triu(1)
        # Computed from the shape, so not saved: a checkpoint can go on with a longer window.
        self.register_buffer("cosines", cosines, persistent=False)
        self.register_buffer("sines", sines, persistent=False)
        self.register_buffer("mask", mask, persistent=False)
        self.initialise()

    def initialise(self) -> None:
        """What adds to the residual stream starts smaller, the deeper the network."""
        residual = 0.02 / math.sqrt(2 * self.shape.layers)
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                adds = name.endswith(("attention_output.weight", "down.weight"))
                nn.init.normal_(parameter, 0, residual if adds else 0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, self.cosines, self.sines, self.mask)
        return functional.linear(self.output_norm(x), self.embedding.weight)

    def loss(self, tokens: Tensor, targets: Tensor) -> Tensor:
        logits = self(tokens).float()
        return functional.cross_entropy(logits.view(-1, logits.shape[-1]), targets.reshape(-1))

    def size(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())
