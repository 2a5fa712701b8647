// Links one relocatable AMDGPU object into a shared one, the form in which code objects are loaded. One link runs at a time.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <span>
#include <vector>

namespace tilejit::amdgpu {

Result<std::vector<uint8_t>> link(std::span<const char> object);

}  // namespace tilejit::amdgpu
