# Sourced by quickstart.sh and test.sh.
build_packages=(g++ cmake ninja-build libfmt-dev libxbyak-dev nlohmann-json3-dev libxxhash-dev libcli11-dev)
test_packages=(libgtest-dev python3 pkgconf ccache git)
# Installed where the release has them: LLVM 22 is in Debian 12's security suite; format and tidy are pinned to one
# version; OpenBLAS is the peer library that a distribution has.
build_optional=(llvm-22-dev liblld-22-dev libzstd-dev zlib1g-dev libxml2-dev)
test_optional=(clang-format-14 clang-tidy-14 libopenblas-dev libamdhip64-5 libamd-comgr2)

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# install_packages REQUIRED... -- OPTIONAL...: updates the package lists once, and only if a required package is
# missing. Sets amdgpu=ON|OFF, by whether LLVM is there.
install_packages() {
  local -a missing=() as_root=()
  if [ "$(id -u)" != 0 ]; then as_root=(sudo); fi
  while [ "$1" != -- ]; do installed "$1" || missing+=("$1"); shift; done
  shift
  if [ ${#missing[@]} != 0 ]; then "${as_root[@]}" apt-get -qq update; fi
  local name
  for name in "$@"; do
    if ! installed "$name" && apt-cache show "$name" >/dev/null 2>&1; then missing+=("$name"); fi
  done
  if [ ${#missing[@]} != 0 ]; then
    echo "installing: ${missing[*]}"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends --no-remove \
      -o Dpkg::Use-Pty=0 "${missing[@]}" >/dev/null
  fi
  amdgpu=ON
  if ! installed llvm-22-dev; then
    amdgpu=OFF
    echo "note: this system has no llvm-22-dev; building without LLVM: no AMDGPU target, no disassembly in jitdump"
  fi
}
