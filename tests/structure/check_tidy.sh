#!/usr/bin/env bash
# check_tidy.sh BUILD [FILE...]: clang-tidy over FILEs, one per core. Default: every source that BUILD compiles but the test
# cases themselves, a third of all, which the compilers' warnings and the sanitizers see.
set -euo pipefail
build=$(realpath "$1"); shift
cd "$(dirname "$0")/../.."
tidy=$(command -v clang-tidy-14) || { echo "clang-tidy-14 is not installed: skipped"; [ "${CI:-}" != true ]; exit; }
# g++'s -Wconversion leaves sign conversions out, clang's does not. clang has no omp.h of its own here: it reads a copy of g++'s without the attribute arguments that only g++ knows.
rm -rf "$build/omp"
mkdir "$build/omp"
sed 's/__malloc__ (omp_free)/__warn_unused_result__/' "$(g++ -print-file-name=include/omp.h)" >"$build/omp/omp.h"
if [ $# = 0 ]; then
  mapfile -t files < <(sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' "$build/compile_commands.json" |
    grep -vE '/tests/(unit|golden|diff|fuzz)/' | sort -u)
  set -- "${files[@]}"
fi
printf '%s\0' "$@" | xargs -0 -n 1 -P "$(nproc)" "$tidy" -p "$build" --quiet --extra-arg="-isystem$build/omp" \
  --extra-arg=-Wno-sign-conversion \
  2> >(grep -vE '^[0-9]+ warnings?( and [0-9]+ errors?)? (generated|treated)' >&2)
echo "clang-tidy: $# files are clean"
