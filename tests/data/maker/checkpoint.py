"""What every quantizer module writes: a checkpoint directory, and the oracle rows that go into expected.json.

An oracle row holds hashes of the arrays that the quantizer's own library unpacked, in one normal form:
u as u8 [n, k] in original k order, z as int32 [groups, n], s and c as float32 [groups, n]; w = (u - z) * s + c.
"""
import json
from pathlib import Path

import numpy as np
import torch
import xxhash
from safetensors import safe_open
from safetensors.torch import save_file


def array_row(array: np.ndarray, dtype: str) -> dict:
    """Hash (xxh64, seed 0, little endian, row-major), shape and first values of one array."""
    array = np.ascontiguousarray(array, dtype=dtype)
    return {
        "xxh64": xxhash.xxh64_hexdigest(array.tobytes(), seed=0),
        "dtype": np.dtype(dtype).name,
        "shape": list(array.shape),
        "first": [value.item() for value in array.reshape(-1)[:8]],
    }


def numpy_of(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().float().numpy() if tensor.is_floating_point() else tensor.detach().numpy()


def oracle_row(*, scheme, bits, group_size, u, z, s, unpacked_by, dequantized, c=None, group_of_k=None, bias=None,
               scale_dtype="float16", activations=None) -> dict:
    """Builds a row, after checking that it reproduces the library's own dequantized weight [n, k]."""
    n, k = u.shape
    groups = s.shape[0]
    owner = np.arange(k) // (group_size if group_size > 0 else k) if group_of_k is None else group_of_k
    rebuilt = (u.astype(np.float32) - z[owner].T) * s[owner].T + (0 if c is None else c[owner].T)
    one_bf16_rounding = 2.0**-8 * np.abs(rebuilt) + 2.0**-20 * np.abs(rebuilt).max()  # an integer off by one is more
    wrong = int((np.abs(rebuilt - dequantized) > one_bf16_rounding).sum())
    assert wrong == 0, f"the arrays do not rebuild the library's own weight in {wrong} of {n * k} elements"
    assert z.shape == s.shape == (groups, n), (z.shape, s.shape, n)
    return {
        "scheme": scheme, "n": n, "k": k, "bits": bits, "group_size": group_size, "groups": groups,
        "unpacked_by": unpacked_by,
        "u": array_row(u, "uint8"),
        "z": array_row(z, "int32"),
        "s": array_row(s, "float32") | {"stored_as": scale_dtype},
        "c": None if c is None else array_row(c, "float32"),
        "group_of_k": None if group_of_k is None else array_row(group_of_k, "int32"),
        "bias": None if bias is None else array_row(numpy_of(bias), "float32")
                | {"stored_as": str(bias.dtype).removeprefix("torch.")},
        "activations": activations,
        "negative_scales": int((s < 0).sum()),
    }


def read_tensors(folder: Path) -> dict[str, torch.Tensor]:
    tensors = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as reader:
            tensors |= {key: reader.get_tensor(key) for key in reader.keys()}
    return tensors


def layer_tensors(tensors: dict[str, torch.Tensor], layer: str) -> dict[str, torch.Tensor]:
    return {key.removeprefix(layer + "."): value for key, value in tensors.items() if key.startswith(layer + ".")}


def write_directory(folder: Path, tensors: dict[str, torch.Tensor], config: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / "model.safetensors",
              metadata={"format": "pt"})
    write_config(folder, config)


def write_sharded_directory(folder: Path, tensors: dict[str, torch.Tensor], config: dict, shard_bytes: int) -> None:
    from huggingface_hub import save_torch_state_dict

    folder.mkdir(parents=True, exist_ok=True)
    save_torch_state_dict(tensors, folder, max_shard_size=shard_bytes, metadata={"format": "pt"})
    write_config(folder, config)


def write_config(folder: Path, config: dict) -> None:
    write_json(folder / "config.json", config)
    for file in folder.iterdir():
        file.chmod(0o644)  # safetensors writes files that only the owner can read


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n")


def keep_layers(tool_output: Path, folder: Path, layers: list[str], extra: tuple[str, ...] = (),
                shard_bytes: int | None = None) -> dict[str, torch.Tensor]:
    """Copies config.json and the tensors of the named modules out of what a tool saved; the rest is left behind."""
    wanted = tuple(name + "." for name in (*layers, *extra))
    tensors = {key: value for key, value in read_tensors(tool_output).items() if key.startswith(wanted)}
    config = json.loads((tool_output / "config.json").read_text())
    if shard_bytes is None:
        write_directory(folder, tensors, config)
    else:
        write_sharded_directory(folder, tensors, config, shard_bytes)
    return read_tensors(folder)
