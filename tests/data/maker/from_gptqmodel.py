"""GPTQ checkpoints by GPTQModel: its GPTQ quantizer on recorded activations, its packer, its v2 -> v1 conversion.

GPTQModel's top-level flow has no definition for this encoder, so its parts are called layer by layer; every number and every
byte of the quantized tensors comes from them.
"""
import json
import sys
import types
from pathlib import Path

import numpy as np
import torch

from maker.checkpoint import layer_tensors, oracle_row, read_tensors, write_directory, write_json
from maker.source import DOWN, QUERY, UP, load_model, record_inputs


def import_gptqmodel():
    """GPTQModel imports torchvision for one vision model; a stub, as no packaged one loads beside a CPU-only torch."""
    import transformers.modeling_utils  # noqa: F401  (has looked for torchvision before the stub appears)

    for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["torchvision"].transforms = sys.modules["torchvision.transforms"]
    sys.modules["torchvision.transforms.functional"].InterpolationMode = None
    import gptqmodel

    return gptqmodel


# directory -> (layers, arguments of QuantizeConfig)
CHECKPOINTS = {
    "gptq": ([QUERY, UP, DOWN], dict(bits=4, group_size=128, sym=True, desc_act=False, format="gptq")),
    "gptq_v2": ([QUERY], dict(bits=4, group_size=128, sym=True, desc_act=False, format="gptq_v2")),
    "gptq_asym_actorder": ([QUERY], dict(bits=4, group_size=64, sym=False, desc_act=True, act_group_aware=False,
                                         format="gptq")),
    "gptq_8bit": ([QUERY], dict(bits=8, group_size=-1, sym=True, desc_act=False, act_group_aware=False,
                                format="gptq")),
}
NO_TEMPORARY_FILES = dict(offload_to_disk=False, pack_impl="original")
CONFIG_IN_OWN_FILE = "gptq_asym_actorder"  # quantize_config.json only, as AutoGPTQ's files have it


def quantize_layer(linear: torch.nn.Linear, inputs: torch.Tensor, config):
    from gptqmodel.nn_modules.qlinear.torch import TorchLinear
    from gptqmodel.quantization.gptq import GPTQ
    from gptqmodel.utils.model import pack_module

    gptq = GPTQ(linear, config)
    gptq.quantizer.configure(perchannel=True)
    gptq.add_batch(inputs.unsqueeze(0), linear(inputs).unsqueeze(0))
    weight, scales, zeros, g_idx, *_ = gptq.quantize()
    linear.weight.data = weight
    packed = new_torch_linear(TorchLinear, linear.in_features, linear.out_features, config)
    pack_module("layer", {"layer": packed}, scales, zeros, g_idx, {"layer": linear}, TorchLinear, None,
                quantize_config=config)
    return {key: value for key, value in packed.state_dict().items() if value is not None}


def new_torch_linear(torch_linear, k: int, n: int, config):
    return torch_linear(bits=config.bits, group_size=config.group_size, sym=config.sym, desc_act=config.desc_act,
                        in_features=k, out_features=n, bias=True, pack_dtype=torch.int32, format=config.format)


def unpack(stored: dict[str, torch.Tensor], config, layer: str) -> dict:
    """Integers by TorchLinear.dequantize_weight: with unit scales it gives u - z, with zero words besides it gives -z."""
    from gptqmodel.nn_modules.qlinear.torch import TorchLinear
    from gptqmodel.utils.model import convert_gptq_v1_to_v2_format_module

    n, k = stored["scales"].shape[1], stored["g_idx"].shape[0]

    def dequantize(**replaced: torch.Tensor) -> np.ndarray:
        module = new_torch_linear(TorchLinear, k, n, config).eval()
        for key, value in (stored | replaced).items():
            setattr(module, key, value.clone())
        if config.format == "gptq":
            convert_gptq_v1_to_v2_format_module(module, config.bits, torch.int32)
        return module.dequantize_weight().float().numpy().T  # [n, k]

    unit = torch.ones_like(stored["scales"], dtype=torch.float32)
    minus_z = dequantize(scales=unit, qweight=torch.zeros_like(stored["qweight"]))
    u = dequantize(scales=unit) - minus_z
    g_idx = stored["g_idx"].numpy()
    first_k = [int(np.argmax(g_idx == group)) for group in range(unit.shape[0])]
    monotonic = bool((np.diff(g_idx) >= 0).all())
    return oracle_row(
        scheme=f"w{config.bits}a16", bits=config.bits, group_size=config.group_size, u=u, z=-minus_z[:, first_k].T,
        s=stored["scales"].float().numpy(), bias=stored["bias"], group_of_k=None if monotonic else g_idx,
        unpacked_by="gptqmodel.nn_modules.qlinear.torch.TorchLinear.dequantize_weight, after "
                    "gptqmodel.utils.model.convert_gptq_v1_to_v2_format_module for v1",
        dequantized=dequantize(), activations=layer + ".input")


def make(base: Path, out: Path, _scratch: Path) -> dict:
    import_gptqmodel()
    from gptqmodel.quantization import QuantizeConfig

    inputs = record_inputs(base, [QUERY, UP, DOWN])
    expected = {}
    for name, (layers, arguments) in CHECKPOINTS.items():
        config, model = QuantizeConfig(**arguments, **NO_TEMPORARY_FILES), load_model(base)
        tensors = {
            f"{layer}.{key}": value
            for layer in layers
            for key, value in quantize_layer(model.get_submodule(layer), inputs[layer], config).items()
        }
        written = json.loads((base / "config.json").read_text())
        if name == CONFIG_IN_OWN_FILE:
            (out / name).mkdir(parents=True, exist_ok=True)
            write_json(out / name / "quantize_config.json", config.to_dict())
        else:
            written["quantization_config"] = config.to_dict()
        write_directory(out / name, tensors, written)
        stored = read_tensors(out / name)
        expected[name] = {"format": config.to_dict().get("checkpoint_format"),
                          "layers": {layer: unpack(layer_tensors(stored, layer), config, layer) for layer in layers}}
    return expected
