// `jitdump --list`: the names that the command takes and the words of the IR.
#pragma once

#include <string>

namespace tilejit::jitdump {

/// Targets (and whether this machine runs them), stages, ops with their equations, weight formats.
std::string list_text();
/// The same as one array: an object for each entry, with its `kind` (target, stage, op, format).
std::string list_json_text();

/// The text of ir/ops.def, whose comments are the equations; made by tools/CMakeLists.txt.
extern const char* const ops_definition;

}  // namespace tilejit::jitdump
