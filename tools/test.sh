#!/usr/bin/env bash
# Installs what is missing, builds everything, and runs every test: static analysis, a bounded run under the address and
# undefined-behaviour sanitizers, then the whole suite, whose summary is the last output.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/install_packages.sh
install_packages "${build_packages[@]}" "${test_packages[@]}" -- "${build_optional[@]}" "${test_optional[@]}"
jobs=$(nproc)

step() { echo "== $* (${SECONDS} s)"; }

step build
cmake --preset release --log-level=WARNING -DTILEJIT_AMDGPU=$amdgpu -DTILEJIT_TESTS=ON
cmake --build --preset release

step clang-tidy
tests/structure/check_tidy.sh build/release

# CI has an hour on two cores, of which LLVM's part under the sanitizers takes a quarter: it is left out there.
step sanitizers
asan_amdgpu=$amdgpu
[ "${CI:-}" != true ] || asan_amdgpu=OFF
cmake --preset asan --log-level=WARNING -DTILEJIT_AMDGPU=$asan_amdgpu
cmake --build --preset asan --target tilejit_tests
log=build/asan/tests.log
TILEJIT_TEST_CASES=${TILEJIT_ASAN_CASES:-20} ctest --preset asan -j "$jobs" >$log || { cat $log; exit 1; }
grep 'tests passed' $log

step tests
ctest --preset release -j "$jobs" --no-label-summary
