#!/usr/bin/env python3
"""The W4A16 kernel that GPU users run today, as code objects: what bench_triton executes and counts beside tilejit's.

    python3 -m venv triton && triton/bin/pip install triton numpy
    triton/bin/python bench/triton/compile.py OUT [ARCH...]     # no GPU is needed
    build/release/bin/bench_triton OUT/*.hsaco

The algorithm is that of vLLM's Triton kernel for symmetric weights: eight nibbles of neighbouring columns in a word, spread by
interleaving and shifts, (u - 8) * scale rounded to the type of the activations, one dot a tile. A file is named
w4a16_TYPE_MxNxK_ldsBYTES_ARCH.hsaco, by its tile and the shared memory that it wants at launch.
"""
import os
import sys

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

GROUP = 128
# Tiles of m x n x k: those that vLLM's kernel takes for many and for few rows; gfx11 and gfx12 get the smaller ones.
TILES = {
    "gfx942": (64, [(128, 128, 32), (64, 64, 32), (32, 64, 32)]),
    "gfx950": (64, [(128, 128, 32), (32, 64, 32)]),
    "gfx1100": (32, [(128, 32, 64), (32, 32, 64)]),
    "gfx1201": (32, [(128, 32, 64), (32, 32, 64)]),
}


@triton.jit
def w4a16(a, packed, scales, out, m, n, k, group: tl.constexpr, tile_m: tl.constexpr, tile_n: tl.constexpr,
          tile_k: tl.constexpr):
    row = tl.program_id(0) * tile_m + tl.arange(0, tile_m)
    column = tl.program_id(1) * tile_n + tl.arange(0, tile_n)
    word = tl.program_id(1) * (tile_n // 8) + tl.arange(0, tile_n // 8)
    shift = (tl.arange(0, tile_n) % 8) * 4
    total = tl.zeros((tile_m, tile_n), tl.float32)
    for first in range(0, k, tile_k):
        depth = first + tl.arange(0, tile_k)
        x = tl.load(a + row[:, None] * k + depth[None, :], mask=row[:, None] < m, other=0.0)
        q = tl.load(packed + depth[:, None] * (n // 8) + word[None, :], mask=word[None, :] < n // 8, other=0)
        for _ in tl.static_range(3):
            q = tl.interleave(q, q)
        scale = tl.load(scales + (first // group) * n + column, mask=column < n, other=0.0)
        w = ((((q >> shift[None, :]) & 15) - 8) * scale[None, :]).to(x.dtype)
        total = tl.dot(x, w, total)
    tl.store(out + row[:, None] * n + column[None, :], total.to(out.dtype.element_ty),
             mask=(row[:, None] < m) & (column[None, :] < n))


def build(folder, arch, wave, element, tile):
    types = {"a": f"*{element}", "packed": "*i32", "scales": f"*{element}", "out": f"*{element}",
             "m": "i32", "n": "i32", "k": "i32"}
    sizes = dict(zip(("group", "tile_m", "tile_n", "tile_k"), (GROUP, *tile)))
    source = ASTSource(w4a16, signature={**types, **{name: "constexpr" for name in sizes}}, constexprs=sizes)
    kernel = triton.compile(source, target=GPUTarget("hip", arch, wave), options={"num_warps": 4, "num_stages": 2})
    short = {"bf16": "bf16", "fp16": "f16"}[element]
    path = os.path.join(folder, f"w4a16_{short}_{'x'.join(map(str, tile))}_lds{kernel.metadata.shared}_{arch}.hsaco")
    with open(path, "wb") as file:
        file.write(kernel.asm["hsaco"])
    print(path)


def main(arguments):
    if not arguments:
        sys.exit(__doc__)
    folder, *asked = arguments
    unknown = [arch for arch in asked if arch not in TILES]
    if unknown:
        sys.exit(f"{unknown[0]}: no tiles for this GPU; there are some for {', '.join(TILES)}")
    os.makedirs(folder, exist_ok=True)
    for arch in asked or TILES:
        wave, tiles = TILES[arch]
        for element in ("bf16", "fp16"):
            for tile in tiles:
                build(folder, arch, wave, element, tile)


if __name__ == "__main__":
    main(sys.argv[1:])
