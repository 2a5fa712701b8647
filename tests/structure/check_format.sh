#!/usr/bin/env bash
# Every source is formatted as .clang-format says, by version 14; exit status 77 (skipped) where that is not installed.
# `check_format.sh --fix` rewrites the files.
set -euo pipefail
cd "$(dirname "$0")/../.."
format=$(command -v clang-format-14) || { echo "clang-format-14 is not installed"; exit 77; }
mode=(--dry-run -Werror)
if [ "${1:-}" = --fix ]; then mode=(-i); fi
find ir jit targets runtime tests bench tools -name '*.h' -o -name '*.cpp' | xargs "$format" "${mode[@]}"
