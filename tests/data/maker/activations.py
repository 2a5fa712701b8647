"""activations.safetensors: bf16 [64, k] rows recorded at the inputs of the three layers."""
from pathlib import Path

import torch
from safetensors.torch import save_file

from maker.source import DOWN, QUERY, UP, evenly_spaced, record_inputs


def make(base: Path, out: Path, _scratch: Path) -> dict:
    rows = record_inputs(base, [QUERY, UP, DOWN])
    save_file({name + ".input": evenly_spaced(value).to(torch.bfloat16).contiguous() for name, value in rows.items()},
              out / "activations.safetensors", metadata={"format": "pt"})
    (out / "activations.safetensors").chmod(0o644)
    return {}
