"""GGUF files: blocks by ggml's ggml_quantize_chunk, the file by the gguf package, the oracle by gguf's dequantizers.

The ggml library is the one inside the wheel of pywhispercpp (the whisper bindings ship a complete ggml).
"""
import ctypes
from importlib.metadata import distribution
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import quants

from maker.checkpoint import oracle_row
from maker.source import DOWN, QUERY, load_model, record_inputs

KEY, VALUE = QUERY.replace("query", "key"), QUERY.replace("query", "value")
# file -> tensors: (gguf tensor name, module, rows taken, type)
FILES = {
    "q4_0": [("blk.0.attn_q", QUERY, 384, Type.Q4_0)],
    "q4_1": [("blk.0.attn_q", QUERY, 384, Type.Q4_1)],
    "q8_0": [("blk.0.attn_q", QUERY, 192, Type.Q8_0)],
    "q4_k": [("blk.0.ffn_down", DOWN, 128, Type.Q4_K)],
    # types without an oracle, beside one that has it
    "mixed": [("blk.0.attn_q", QUERY, 64, Type.Q4_0), ("blk.0.attn_k", KEY, 64, Type.Q5_0),
              ("blk.0.ffn_down", DOWN, 16, Type.Q6_K), ("blk.0.attn_v", VALUE, 32, Type.F16)],
}
UNPACKED = {Type.Q4_0, Type.Q4_1, Type.Q8_0, Type.Q4_K}


def load_ggml() -> ctypes.CDLL:
    files = [file.locate() for file in distribution("pywhispercpp").files if "/libggml-base-" in "/" + str(file)]
    ggml = ctypes.CDLL(str(files[0]))
    ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
    ggml.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64,
                                         ctypes.c_int64, ctypes.c_void_p]
    return ggml


def quantize(ggml: ctypes.CDLL, weight: np.ndarray, type_: Type, importance: np.ndarray | None) -> np.ndarray:
    """Bytes [n, row bytes]; importance is the mean square of each input column, as llama.cpp's imatrix."""
    if type_ == Type.F16:
        return weight.astype(np.float16)
    n, k = weight.shape
    block, size = gguf.GGML_QUANT_SIZES[type_]
    blocks = np.zeros((n, k // block * size), np.uint8)
    pointer = importance.ctypes.data if importance is not None else None
    written = ggml.ggml_quantize_chunk(int(type_), weight.ctypes.data, blocks.ctypes.data, 0, n, k, pointer)
    assert written == blocks.nbytes
    return blocks


def unpack(blocks: np.ndarray, type_: Type) -> dict:
    """Integers by gguf's dequantizer on the same blocks with neutral scales (d = 1, m = 0)."""
    n = blocks.shape[0]
    block, size = gguf.GGML_QUANT_SIZES[type_]
    each = blocks.reshape(-1, size)
    halves = each[:, :4].copy().view(np.float16).astype(np.float32)  # d, and m or dmin where the type has one
    neutral = each.copy()
    neutral[:, 0:2] = np.array([1], np.float16).view(np.uint8)

    def by_group(values: np.ndarray) -> np.ndarray:  # one value per group in k order -> [groups, n]
        return np.ascontiguousarray(values.reshape(n, -1).T)

    s, c, offset = by_group(halves[:, 0]), None, 0
    if type_ == Type.Q4_0:
        offset = 8
    elif type_ == Type.Q8_0:
        offset = 128
    elif type_ == Type.Q4_1:
        neutral[:, 2:4] = 0
        c = by_group(halves[:, 1])
    else:
        neutral[:, 2:4] = 0
        neutral[:, 4:16] = [1] * 4 + [0] * 4 + [1] * 4  # sc = 1, m = 0 in each of the eight sub-blocks
        scale, minimum = quants.Q4_K.get_scale_min(each[:, 4:16])
        s = by_group(halves[:, :1] * scale.astype(np.float32))
        c = by_group(-(halves[:, 1:2] * minimum.astype(np.float32)))
    u = quants.dequantize(neutral.reshape(n, -1), type_) + offset
    z = np.full(s.shape, offset, np.int32)
    return dict(u=u, z=z, s=s, c=c, dequantized=quants.dequantize(blocks, type_),
                unpacked_by=f"gguf.quants.{type_.name}.dequantize_blocks"
                            + (" and get_scale_min" if type_ == Type.Q4_K else ""))


def make(base: Path, out: Path, _scratch: Path) -> dict:
    ggml, model, expected = load_ggml(), load_model(base), {}
    importance = (record_inputs(base, [DOWN])[DOWN] ** 2).mean(0).numpy()
    for name, tensors in FILES.items():
        path = out / f"{name}.gguf"
        writer = gguf.GGUFWriter(path, "bert")
        writer.add_name("all-MiniLM-L6-v2, some layers")
        writer.add_block_count(1)
        writer.add_embedding_length(384)
        writer.add_feed_forward_length(1536)
        writer.add_head_count(12)
        layers = {}
        for tensor, module_name, rows, type_ in tensors:
            module = model.get_submodule(module_name)
            weight = np.ascontiguousarray(module.weight.detach().numpy()[:rows])
            bias = module.bias.detach()[:rows]
            blocks = quantize(ggml, weight, type_, importance if type_ == Type.Q4_K else None)
            writer.add_tensor(tensor + ".weight", blocks, raw_dtype=type_)
            writer.add_tensor(tensor + ".bias", bias.numpy())
            bits = 8 if type_ == Type.Q8_0 else 4
            layers[tensor] = oracle_row(scheme=f"w{bits}a16", bits=bits, group_size=32, bias=bias,
                                        scale_dtype="float32" if type_ == Type.Q4_K else "float16",
                                        activations=module_name + ".input", **unpack(blocks, type_)) \
                if type_ in UNPACKED else {"not_unpacked": type_.name}
        norm = model.get_submodule("encoder.layer.0.attention.output.LayerNorm")
        writer.add_tensor("blk.0.attn_output_norm.weight", norm.weight.detach().numpy())
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        expected[f"{name}.gguf"] = {"format": "gguf", "layers": layers}
    return expected
