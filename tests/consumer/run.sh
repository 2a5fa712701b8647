#!/usr/bin/env bash
# run.sh CMAKE BUILD: installs BUILD into a fresh prefix, then builds main.cpp against it as an embedder does, once by
# find_package and once by pkg-config, and runs both.
set -euo pipefail
cmake=$1
build=$2
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$cmake" --install "$build" --prefix "$work/prefix" >"$work/install.log" || { cat "$work/install.log"; exit 1; }
cp "$here/CMakeLists.txt" "$here/main.cpp" "$work"

echo "== find_package"
"$cmake" -S "$work" -B "$work/build" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" --log-level=WARNING
"$cmake" --build "$work/build"
"$work/build/consumer"

echo "== pkg-config"
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name tilejit.pc)")
read -ra flags < <(pkg-config --cflags --libs tilejit)
g++ -std=c++20 -Wall -Wextra -Werror "$work/main.cpp" -o "$work/consumer" "${flags[@]}" \
  -Wl,-rpath,"$(pkg-config --variable=libdir tilejit)"
"$work/consumer"
