#!/usr/bin/env bash
# Installs what is missing, builds the commands, and runs every quantized linear of the embedded checkpoints.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/install_packages.sh
install_packages "${build_packages[@]}" -- "${build_optional[@]}"

cmake --preset release --log-level=WARNING -DTILEJIT_AMDGPU=$amdgpu -DTILEJIT_TESTS=OFF
cmake --build --preset release --target tilejit_command jitdump

data=tests/data/minilm
row=()
if [[ " $*" != *" --target"* ]] && build/release/bin/tilejit info | grep -q '^row  *none'; then
  echo "This CPU lacks AVX-512: the emulator runs the code for zen4 instruction by instruction, and times mean nothing."
  row=(--target zen4 --device emulated)
fi
set -x
build/release/bin/tilejit run $data --activations $data/activations.safetensors "${row[@]}" "$@"
