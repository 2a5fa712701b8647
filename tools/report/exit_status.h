// How the commands end: the exit status of an error's kind, and one line of text on stderr.
#pragma once

#include <tilejit/result.h>

#include <CLI/CLI.hpp>
#include <functional>

namespace tilejit::report {

inline constexpr int exit_ok = 0;
inline constexpr int exit_failed = 1;  // it ran, and a result is wrong

/// 2 invalid, 3 unsupported, 4 resource.
int exit_status(ErrorKind kind);
/// Prints `tool: kind: message` (a message of several lines: each line so) to stderr and returns the exit status.
int fail(const char* tool, const Error& error);

/// The body of every main(): parses the command line and runs `command`, which gives the exit status. Help prints and
/// succeeds, a wrong command line is `invalid`; an exception, or output that cannot be written, is `resource`.
int run_main(CLI::App& app, int argc, char** argv, const std::function<Result<int>()>& command);

}  // namespace tilejit::report
