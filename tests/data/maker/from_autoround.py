"""AutoRound checkpoints: the tool's whole flow (calibrated sign-gradient rounding) and its own exporters."""
import json
from pathlib import Path

import numpy as np
import torch

from maker.checkpoint import keep_layers, layer_tensors, oracle_row
from maker.source import QUERY, linear_names, load_model
from maker.text import PARAGRAPHS

# directory -> (layers, --format of the tool, overrides of its scheme W4A16)
CHECKPOINTS = {
    "autoround": ([QUERY], "auto_round", {}),
    "autoround_gptqmodel": ([QUERY], "auto_round:gptqmodel", {"sym": False}),
    "autoround_awq": ([QUERY], "auto_round:auto_awq", {"sym": False}),
    "autoround_shortgroup": ([QUERY], "auto_round", {"group_size": 256}),  # 384 = 256 + 128
    "autoround_as_gptq": ([QUERY], "auto_gptq", {"group_size": 256}),  # the same, as a plain GPTQ checkpoint
}


def run_tool(base: Path, saved: Path, layers, output_format: str, overrides: dict) -> Path:
    from auto_round import AutoRound
    from transformers import AutoTokenizer

    model = load_model(base)
    kept_in_float = {name: {"bits": 16} for name in linear_names(model) if name not in layers}
    rounder = AutoRound(model, AutoTokenizer.from_pretrained(base), scheme="W4A16", dataset=PARAGRAPHS, iters=40,
                        nsamples=len(PARAGRAPHS), seqlen=48, batch_size=4, device_map="cpu", seed=42,
                        enable_torch_compile=False, layer_config=kept_in_float, **overrides)
    rounder.quantize_and_save(str(saved), format=output_format)
    return next(saved.rglob("config.json")).parent


def unpack_awq_like(stored: dict[str, torch.Tensor], group: int) -> dict:
    from auto_round.export.export_to_awq.utils import dequantize_gemm, reverse_awq_order, unpack_awq

    u, z = reverse_awq_order(*unpack_awq(stored["qweight"], stored["qzeros"], 4), 4)
    dequantized = dequantize_gemm(stored["qweight"], stored["qzeros"], stored["scales"], 4, group)
    return dict(u=(u & 15).numpy().T, z=(z & 15).numpy(), dequantized=dequantized.float().numpy().T,
                unpacked_by="auto_round.export.export_to_awq.utils.unpack_awq and reverse_awq_order")


def unpack_gptq_like(stored: dict[str, torch.Tensor], group: int, stored_minus_one: bool) -> dict:
    """Integers by QuantLinear.forward on the identity: unit scales give u - z, zero words besides give -z."""
    from auto_round_extension.torch import qlinear_torch, qlinear_torch_zp

    library = qlinear_torch_zp if stored_minus_one else qlinear_torch
    k, n = stored["qweight"].shape[0] * 8, stored["scales"].shape[1]
    owner = torch.arange(k, dtype=torch.int32) // group

    def dequantize(**replaced: torch.Tensor) -> np.ndarray:
        module = library.QuantLinear(4, group, k, n, bias=False)
        for key in ("qweight", "qzeros", "scales"):
            setattr(module, key, (stored | replaced)[key])
        if k % group:
            module.g_idx = owner  # without it the library repeats whole groups only, and refuses a short last one
        return module.forward(torch.eye(k)).numpy().T  # [n, k]

    unit = torch.ones_like(stored["scales"], dtype=torch.float32)
    minus_z = dequantize(scales=unit, qweight=torch.zeros_like(stored["qweight"]))
    return dict(u=dequantize(scales=unit) - minus_z, z=-minus_z[:, ::group].T, dequantized=dequantize(),
                unpacked_by=f"{library.__name__}.QuantLinear.forward on the identity"
                            + (", given g_idx = k // g for the short last group" if k % group else ""))


def unpack(stored: dict[str, torch.Tensor], quantization: dict, layer: str) -> dict:
    group, packing = quantization["group_size"], quantization.get("packing_format", "auto_gptq")
    parts = unpack_awq_like(stored, group) if packing.endswith("awq") else \
        unpack_gptq_like(stored, group, stored_minus_one=packing.endswith("auto_gptq"))
    return oracle_row(scheme="w4a16", bits=4, group_size=group, s=stored["scales"].float().numpy(),
                      bias=stored["bias"], activations=layer + ".input", **parts)


def make(base: Path, out: Path, scratch: Path) -> dict:
    expected = {}
    for name, (layers, output_format, overrides) in CHECKPOINTS.items():
        saved = run_tool(base, scratch / name, layers, output_format, overrides)
        stored = keep_layers(saved, out / name, layers)
        quantization = json.loads((out / name / "config.json").read_text())["quantization_config"]
        expected[name] = {
            "format": quantization.get("packing_format"),
            "layers": {layer: unpack(layer_tensors(stored, layer), quantization, layer) for layer in layers}}
    return expected
