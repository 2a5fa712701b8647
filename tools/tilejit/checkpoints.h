// Folders of checkpoints on the command line.
#pragma once

#include <string>
#include <vector>

namespace tilejit::command {

/// `paths` in their order, where a directory without config.json and quantize_config.json stands for the checkpoints directly in
/// it, sorted: its .gguf files and the directories that have one of these files. A path that has none is kept as it is, and
/// opening it says what is wrong with it.
std::vector<std::string> find_checkpoints(const std::vector<std::string>& paths);

}  // namespace tilejit::command
