"""compressed-tensors checkpoints by llm-compressor (calibrated GPTQ or rounding), saved by its own save_pretrained.

Only ct_oddk is made without llm-compressor's flow: no layer of the model has an odd k, so a slice of a real weight goes
through compressed-tensors' own scale calculation, quantizer and packer.
"""
import json
from pathlib import Path

import numpy as np
import torch

from maker.checkpoint import keep_layers, layer_tensors, oracle_row, read_tensors, write_directory
from maker.source import DOWN, QUERY, linear_names, load_model
from maker.text import PARAGRAPHS

ODD_N, ODD_K = 120, 381
NORM = "encoder.layer.0.attention.output.LayerNorm"  # an unquantized neighbour, as every real checkpoint has


def integer_scheme(bits: int, strategy: str, activation_bits: int | None = None, **more) -> dict:
    weights = dict(num_bits=bits, type="int", symmetric=True, strategy=strategy, dynamic=False, **more)
    activations = dict(num_bits=activation_bits, type="int", symmetric=True, strategy="token", dynamic=True)
    group = dict(targets=["Linear"], weights=weights, input_activations=activations if activation_bits else None)
    return dict(config_groups={"group_0": group})


# directory -> (layers, float type of the model, modifier, its arguments, shard size)
CHECKPOINTS = {
    "ct_w4a16": ([QUERY, DOWN], torch.bfloat16, "GPTQModifier", dict(scheme="W4A16"), 320_000),
    "ct_w4a16_asym": ([QUERY], torch.float16, "GPTQModifier", dict(scheme="W4A16_ASYM"), None),
    "ct_w4a16_channel": ([QUERY], torch.float32, "GPTQModifier", integer_scheme(4, "channel"), None),
    "ct_w8a8": ([QUERY], torch.bfloat16, "GPTQModifier", dict(scheme="W8A8"), None),
    "ct_w8a8_tensor": ([QUERY], torch.float32, "QuantizationModifier", integer_scheme(8, "tensor", 8), None),
    "ct_w4a8": ([QUERY], torch.bfloat16, "GPTQModifier", dict(scheme="W4A8"), None),
}


def run_tool(base: Path, saved: Path, layers, dtype, modifier: str, arguments: dict) -> None:
    from datasets import Dataset
    from llmcompressor import oneshot
    from llmcompressor.modifiers import gptq, quantization
    from transformers import AutoTokenizer

    model, tokenizer = load_model(base, dtype), AutoTokenizer.from_pretrained(base)
    others = [name for name in linear_names(model) if name not in layers]
    make_modifier = getattr(gptq if modifier == "GPTQModifier" else quantization, modifier)
    oneshot(model=model, dataset=Dataset.from_list([dict(tokenizer(text)) for text in PARAGRAPHS]),
            recipe=make_modifier(ignore=others, **arguments), pipeline="basic",
            num_calibration_samples=len(PARAGRAPHS), max_seq_length=256)
    model.save_pretrained(saved, save_compressed=True)


def scheme_of(config: dict):
    from compressed_tensors.quantization import QuantizationScheme

    group = dict(config["quantization_config"]["config_groups"]["group_0"])
    return QuantizationScheme.model_validate(group)


def unpack(stored: dict[str, torch.Tensor], config: dict, layer: str) -> dict:
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.compressors.pack_quantized import unpack_from_int32

    scheme = scheme_of(config)
    weights, form = scheme.weights, config["quantization_config"]["format"]
    names = [f"compressed_tensors BaseCompressor[{form}].decompress"]
    plain = {key: value for key, value in stored.items() if key != "bias"}
    dequantized = BaseCompressor.get_value_from_registry(form).decompress(plain, scheme)["weight"].float().numpy()
    if form == "pack-quantized":
        q = unpack_from_int32(stored["weight_packed"], weights.num_bits, torch.Size(stored["weight_shape"]))
        names.append("compressed_tensors...pack_quantized.unpack_from_int32")
    else:
        q = stored["weight"]
    n, k = q.shape
    offset = 1 << (weights.num_bits - 1)
    scale = stored["weight_scale"].float().reshape(-1, 1) if stored["weight_scale"].numel() == 1 \
        else stored["weight_scale"].float()
    s = scale.expand(n, scale.shape[1]).numpy().T
    if "weight_zero_point" in stored:
        packed_n_by_groups = torch.Size((n, s.shape[0]))
        zero = unpack_from_int32(stored["weight_zero_point"], weights.num_bits, packed_n_by_groups, packed_dim=0)
        z = zero.numpy().astype(np.int32).T + offset
    else:
        z = np.full(s.shape, offset, np.int32)
    activation_bits = scheme.input_activations.num_bits if scheme.input_activations else 16
    g_idx = stored.get("weight_g_idx")
    row = oracle_row(
        scheme=f"w{weights.num_bits}a{activation_bits}", bits=weights.num_bits,
        group_size=weights.group_size if weights.strategy == "group" else -1,
        u=q.numpy().astype(np.int32) + offset, z=z, s=s, bias=stored.get("bias"),
        group_of_k=None if g_idx is None else g_idx.numpy(), unpacked_by=" and ".join(names),
        dequantized=dequantized, scale_dtype=str(stored["weight_scale"].dtype).removeprefix("torch."),
        activations=layer + ".input")
    return row | {"strategy": weights.strategy}


def make_odd_k(base: Path, folder: Path) -> None:
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import QuantizationArgs, QuantizationConfig, QuantizationScheme
    from compressed_tensors.quantization.utils import calculate_qparams

    model = load_model(base, torch.bfloat16)
    linear = model.get_submodule(QUERY)
    weight = linear.weight.data[:ODD_N, :ODD_K].contiguous()
    arguments = QuantizationArgs(num_bits=4, type="int", symmetric=True, strategy="channel")
    scheme = QuantizationScheme(targets=[f"re:.*{QUERY}$"], weights=arguments, format="pack-quantized")
    scale, zero = calculate_qparams(weight.amin(1, keepdim=True), weight.amax(1, keepdim=True), arguments)
    packed = BaseCompressor.get_value_from_registry("pack-quantized").compress(
        {"weight": weight, "weight_scale": scale, "weight_zero_point": zero}, scheme)
    quantization = QuantizationConfig(config_groups={"group_0": scheme}, format="pack-quantized",
                                      quantization_status="compressed").model_dump(mode="json")
    config = {key: value for key, value in model.config.to_diff_dict().items() if key != "_name_or_path"}
    write_directory(folder, {f"{QUERY}.{key}": value for key, value in packed.items()}
                    | {f"{QUERY}.bias": linear.bias.data[:ODD_N]}, config | {"quantization_config": quantization})


def quantize_and_keep(base: Path, out: Path, scratch: Path, checkpoints: dict) -> None:
    for name, (layers, dtype, modifier, arguments, shard_bytes) in checkpoints.items():
        run_tool(base, scratch / name, layers, dtype, modifier, arguments)
        keep_layers(scratch / name, out / name, layers, extra=(NORM,), shard_bytes=shard_bytes)


def expect(folder: Path, layers: list[str]) -> dict:
    config, stored = json.loads((folder / "config.json").read_text()), read_tensors(folder)
    return {"format": config["quantization_config"]["format"],
            "layers": {layer: unpack(layer_tensors(stored, layer), config, layer) for layer in layers}}


def make(base: Path, out: Path, scratch: Path) -> dict:
    quantize_and_keep(base, out, scratch, CHECKPOINTS)
    make_odd_k(base, out / "ct_oddk")
    layers_of = {name: row[0] for name, row in CHECKPOINTS.items()} | {"ct_oddk": [QUERY]}
    return {name: expect(out / name, layers) for name, layers in layers_of.items()}
