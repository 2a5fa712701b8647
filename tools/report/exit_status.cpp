#include "tools/report/exit_status.h"

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <string_view>

namespace tilejit::report {

int exit_status(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid: return 2;
    case ErrorKind::unsupported: return 3;
    case ErrorKind::resource: return 4;
  }
  return exit_failed;
}

int fail(const char* tool, const Error& error) {
  std::string_view rest = error.message;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    if (!line.empty()) fmt::print(stderr, "{}: {}: {}\n", tool, to_string(error.kind), line);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return exit_status(error.kind);
}

std::optional<int> parse_arguments(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) { return app.exit(e); } catch (const CLI::ParseError& e) {
    return fail(app.get_name().c_str(), invalid(fmt::format("{} (see --help)", e.what())));
  }
  return std::nullopt;
}

}  // namespace tilejit::report
