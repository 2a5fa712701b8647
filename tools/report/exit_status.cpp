#include "tools/report/exit_status.h"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <string_view>

namespace tilejit::report {
namespace {

Result<int> parse_and_run(CLI::App& app, int argc, char** argv, const std::function<Result<int>()>& command) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) { return app.exit(e); } catch (const CLI::ParseError& e) {
    return invalid(fmt::format("{} (see --help)", e.what()));
  }
  return command();
}

/// What the command printed may still wait in a buffer, and a full disk shows only when it is written.
Result<void> flush_output() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return {};
  return resource("standard output cannot be written: its device is full or closed");
}

Result<int> run_guarded(CLI::App& app, int argc, char** argv, const std::function<Result<int>()>& command) {
  try {
    const int status = TRY(parse_and_run(app, argc, argv, command));
    TRY(flush_output());
    return status;
  } catch (const std::bad_alloc&) {
    return resource("not enough memory; a smaller problem or fewer rows may fit");
  } catch (const std::exception& e) { return resource(e.what()); }
}

}  // namespace

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

int run_main(CLI::App& app, int argc, char** argv, const std::function<Result<int>()>& command) {
  const auto status = run_guarded(app, argc, argv, command);
  return status ? *status : fail(app.get_name().c_str(), status.error());
}

}  // namespace tilejit::report
