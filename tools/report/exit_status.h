// How the commands end: the exit status of an error's kind, one line of text on stderr, and a command line that follows it.
#pragma once

#include <tilejit/result.h>

#include <CLI/CLI.hpp>
#include <optional>

namespace tilejit::report {

inline constexpr int exit_ok = 0;
inline constexpr int exit_failed = 1;  // it ran, and a result is wrong

/// 2 invalid, 3 unsupported, 4 resource.
int exit_status(ErrorKind kind);
/// Prints `tool: kind: message` (a message of several lines: each line so) to stderr and returns the exit status.
int fail(const char* tool, const Error& error);

/// Empty when the command goes on; else its exit status: help and version print and succeed, anything wrong is `invalid`.
std::optional<int> parse_arguments(CLI::App& app, int argc, char** argv);

}  // namespace tilejit::report
