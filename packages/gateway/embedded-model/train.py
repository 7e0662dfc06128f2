"""Trains the network on `chat.json` for a given time, from nothing or on from a checkpoint.

    python3 train.py --seconds 3000 --context 256 --out lm256.pt
    python3 train.py --seconds 270 --context 512 --from lm256.pt --out lm.pt

Reads `chat.json` (see make_data.py) and `tok.model` in the current folder. Uses as many threads as OMP_NUM_THREADS says.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import sentencepiece
import torch
from model import LanguageModel, Shape
from torch import Tensor

TOKENS_PER_STEP = 8192
HELD_OUT = 500
"""Conversations kept apart. They are made of the same templates, so they say nothing of generalising."""
FRESH_RATE, CONTINUED_RATE = 3e-3, 6e-4
WARM_UP_STEPS = 60
LOWEST_RATE = 0.05
"""The rate falls along a cosine to this share of its peak (Loshchilov and Hutter, SGDR, 2017)."""


class Encoder:
    """Writes a conversation as the engine will: ChatML, control tokens by number and all else as text."""

    def __init__(self, file: str) -> None:
        self.pieces = sentencepiece.SentencePieceProcessor(model_file=file)
        self.begin = self.pieces.piece_to_id("<|im_start|>")
        self.end = self.pieces.piece_to_id("<|im_end|>")

    @property
    def vocabulary(self) -> int:
        return self.pieces.vocab_size()

    def conversation(self, question: str, answer: str) -> list[int]:
        encode = self.pieces.encode
        turns = [[self.begin, *encode(f"{role}\n{text}"), self.end, *encode("\n")] for role, text in
                 (("user", question), ("assistant", answer))]
        return [self.pieces.bos_id(), *turns[0], *turns[1]]


def batches(conversations: list[list[int]], context: int) -> Iterator[tuple[Tensor, Tensor]]:
    """For ever: tokens and their successors, the conversations one after another in a new order each time round."""
    rows = TOKENS_PER_STEP // context
    waiting: list[int] = []
    while True:
        random.shuffle(conversations)
        for conversation in conversations:
            waiting += conversation
            while len(waiting) > rows * context:
                taken = torch.tensor(waiting[: rows * context + 1])
                waiting = waiting[rows * context :]
                yield taken[:-1].view(rows, context), taken[1:].view(rows, context)


def optimiser(model: LanguageModel) -> torch.optim.Optimizer:
    matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=FRESH_RATE, betas=(0.9, 0.95))


def rate(peak: float, step: int, share: float) -> float:
    """`share`: how much of the time has passed."""
    cosine = 0.5 * (1 + math.cos(math.pi * share))
    return peak * min(1.0, (step + 1) / WARM_UP_STEPS) * (LOWEST_RATE + (1 - LOWEST_RATE) * cosine)


def train(model: LanguageModel, data: Iterator[tuple[Tensor, Tensor]], seconds: float, peak: float) -> None:
    optimise = optimiser(model)
    began = time.monotonic()
    step = 0
    while (passed := time.monotonic() - began) < seconds:
        for group in optimise.param_groups:
            group["lr"] = rate(peak, step, passed / seconds)
        tokens, targets = next(data)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = model.loss(tokens, targets)
        optimise.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimise.step()
        step += 1
        if step % 50 == 0:
            speed = step * TOKENS_PER_STEP / (time.monotonic() - began)
            print(f"step {step}, loss {loss.item():.3f}, {speed:.0f} tokens/s, {passed:.0f} s", flush=True)


@torch.no_grad()
def held_out_loss(model: LanguageModel, conversations: list[list[int]]) -> float:
    tokens = [token for conversation in conversations for token in conversation]
    context = model.shape.context
    usable = (len(tokens) - 1) // context * context
    inputs = torch.tensor(tokens[:usable]).view(-1, context)
    targets = torch.tensor(tokens[1 : usable + 1]).view(-1, context)
    return model.loss(inputs, targets).item()


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--context", type=int, default=256, help="window in tokens")
    parser.add_argument("--shape", default="224,6,7,608", help="width, layers, heads, feed-forward width")
    parser.add_argument("--from", dest="start", type=Path, help="checkpoint to go on from")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    torch.manual_seed(1)
    random.seed(1)
    encoder = Encoder("tok.model")
    conversations = [encoder.conversation(question, answer) for _, question, answer in json.loads(Path("chat.json").read_text())]
    held_out, taught = conversations[:HELD_OUT], conversations[HELD_OUT:]

    width, layers, heads, feed_forward = (int(number) for number in arguments.shape.split(","))
    model = LanguageModel(Shape(width, layers, heads, feed_forward, encoder.vocabulary, arguments.context))
    if arguments.start is not None:
        model.load_state_dict(torch.load(arguments.start)["weights"])
    print(f"{model.size() / 1e6:.2f} M parameters, {sum(map(len, taught)) / 1e6:.2f} M tokens", flush=True)
    peak = FRESH_RATE if arguments.start is None else CONTINUED_RATE
    train(model, batches(taught, arguments.context), arguments.seconds, peak)

    loss = held_out_loss(model.eval(), held_out)
    print(f"held out: loss {loss:.3f}, perplexity {math.exp(loss):.2f}")
    torch.save({"shape": asdict(model.shape), "weights": model.state_dict()}, arguments.out)


if __name__ == "__main__":
    main()
