// Runs one of the built commands by a shell and gives back what it said.
#pragma once

#include <string>
#include <string_view>

namespace tilejit::test {

struct CommandResult {
  int status = -1;  // exit status; -1: killed
  std::string out;
  std::string err;

  int error_lines() const;
};

/// `arguments` follow the command's name, quoted as for a shell. The working directory is the source tree.
CommandResult run_command(std::string_view command, std::string_view arguments);

}  // namespace tilejit::test
