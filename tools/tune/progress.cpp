#include "tools/tune/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace tilejit::tune {
namespace {

constexpr const char* clear_line = "\r\033[K";

}  // namespace

Progress::Progress() : is_terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (is_terminal_) std::fputs(clear_line, stderr);
}

void Progress::show(const std::string& what, double seconds_left) {
  if (!is_terminal_) return;
  fmt::print(stderr, "{}{}, {:.0f} s left", clear_line, what, std::max(0.0, seconds_left));
  std::fflush(stderr);
}

}  // namespace tilejit::tune
