#include "tests/support/command.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tests/support/checkpoint_files.h"

namespace tilejit::test {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

int CommandResult::error_lines() const { return static_cast<int>(std::count(err.begin(), err.end(), '\n')); }

CommandResult run_command(std::string_view command, std::string_view arguments) {
  const TemporaryFolder folder;
  const std::string line = fmt::format("cd '{}' && '{}/bin/{}' {} >'{}/out' 2>'{}/err'", TILEJIT_SOURCE_DIR,
                                       TILEJIT_BINARY_DIR, command, arguments, folder.path(), folder.path());
  const int status = std::system(line.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(folder.path() + "/out"),
          read_file(folder.path() + "/err")};
}

}  // namespace tilejit::test
