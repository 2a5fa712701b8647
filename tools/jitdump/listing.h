// A kernel's code as people read it: disassembly with bytes and loop boundaries, and the resources it takes.
#pragma once

#include <tilejit/result.h>

#include <nlohmann/json.hpp>
#include <string>

#include "targets/target.h"

namespace tilejit::jitdump {

/// A build without LLVM lists the bytes alone and says so.
Result<std::string> asm_text(const Code& code);
std::string resources_text(const Code& code);
nlohmann::ordered_json resources_json(const Code& code);

}  // namespace tilejit::jitdump
