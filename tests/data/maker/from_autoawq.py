"""An AWQ checkpoint by AutoAWQ: its clip search on recorded activations, its quantizer, its gemm packer.

AutoAWQ's top-level flow has no definition for this encoder, so the quantizer's methods are called on encoder layer 0.
Its search for channel scales is left out: in this encoder the scale has nowhere to go, because the layer norms before
the layers also feed the residual path.
"""
import json
from pathlib import Path

import torch

from maker.checkpoint import layer_tensors, oracle_row, read_tensors, write_directory
from maker.source import QUERY, UP, load_model, record_inputs

LAYERS, GROUP = (QUERY, UP), 128


def new_quantizer(model):
    from awq.quantize.quantizer import AwqQuantizer

    quantizer = AwqQuantizer.__new__(AwqQuantizer)  # the constructor would run a decoder model
    quantizer.model, quantizer.w_bit, quantizer.group_size = model, 4, GROUP
    quantizer.zero_point, quantizer.version = True, "gemm"
    return quantizer


def unpack(stored: dict[str, torch.Tensor], layer: str) -> dict:
    from awq.utils.packing_utils import dequantize_gemm, reverse_awq_order, unpack_awq

    u, z = reverse_awq_order(*unpack_awq(stored["qweight"], stored["qzeros"], 4), 4)
    dequantized = dequantize_gemm(stored["qweight"], stored["qzeros"], stored["scales"], 4, GROUP)
    return oracle_row(
        scheme="w4a16", bits=4, group_size=GROUP, u=(u & 15).numpy().T, z=(z & 15).numpy(),
        s=stored["scales"].float().numpy(), bias=stored["bias"], dequantized=dequantized.float().numpy().T,
        unpacked_by="awq.utils.packing_utils.unpack_awq and reverse_awq_order", activations=layer + ".input")


def make(base: Path, out: Path, _scratch: Path) -> dict:
    from awq.models._config import AwqConfig
    from awq.quantize.scale import apply_clip

    inputs, model = record_inputs(base, list(LAYERS)), load_model(base)
    linears = {name: model.get_submodule(name) for name in LAYERS}
    quantizer = new_quantizer(model)
    apply_clip(model, quantizer._search_best_clip(model, linears, inputs))
    quantizer._apply_quant(model, linears)
    tensors = {key: value for key, value in model.state_dict().items() if key.startswith(LAYERS)}
    config = json.loads((base / "config.json").read_text())
    config["quantization_config"] = AwqConfig(q_group_size=GROUP).to_transformers_dict()
    write_directory(out / "awq", tensors, config)
    stored = read_tensors(out / "awq")
    return {"awq": {"format": "gemm",
                    "layers": {layer: unpack(layer_tensors(stored, layer), layer) for layer in LAYERS}}}
