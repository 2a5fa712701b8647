"""ct_w4a16_actorder: compressed-tensors with weight_g_idx, which files had until llm-compressor dropped actorder="group".

Runs with the older packages first on the import path (make_minilm.py --older).
"""
from pathlib import Path

import torch

from maker.from_llmcompressor import expect, quantize_and_keep
from maker.source import QUERY

CHECKPOINTS = {
    "ct_w4a16_actorder": ([QUERY], torch.bfloat16, "GPTQModifier", dict(scheme="W4A16", actorder="group"), None),
}


def make(base: Path, out: Path, scratch: Path) -> dict:
    quantize_and_keep(base, out, scratch, CHECKPOINTS)
    return {name: expect(out / name, row[0]) for name, row in CHECKPOINTS.items()}
