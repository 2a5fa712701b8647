// What is dumped: the program of a problem line under a schedule, or a program read from a .tile file.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <string>
#include <vector>

#include "ir/ir.h"
#include "targets/target.h"

namespace tilejit::jitdump {

struct Request {
  std::string problem;   // a problem line; empty when `file` is given
  std::string schedule;  // a schedule line; empty: what a Linear uses for m
  std::string file;      // a .tile file
  std::string target = "host";
  int64_t m = 0;  // 0: the problem's m, else 5
  uint64_t seed = 1;
};

struct Source {
  const Target* target = nullptr;
  std::string problem;  // resolved; empty for a file
  std::string schedule;
  std::string origin;                // of the schedule: "given", "default", or "tuned in FILE"
  std::vector<std::string> remarks;  // why tuned lines were not used
  ir::Program program;               // verified
  int64_t m = 0;
};

/// `invalid` for text that does not parse or a program that is not legal: one line for each violation.
Result<Source> load_source(const Request& request);

}  // namespace tilejit::jitdump
