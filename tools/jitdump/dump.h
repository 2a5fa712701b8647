// The stages of one compilation as text, in the order in which they happen.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <string>
#include <vector>

#include "jit/compile.h"
#include "tools/jitdump/counted.h"
#include "tools/jitdump/source.h"

namespace tilejit::jitdump {

struct Section {
  std::string stage;
  std::string kernel;  // empty: the whole program
  std::string text;
};

/// Whether `resources` has what the target's emulator counts of each kernel's first task (GPUs), which takes a run of it.
enum class Counting : uint8_t { none, first_task };

struct Dump {
  Source source;
  std::vector<Section> sections;
  std::vector<CompiledKernel> kernels;
  std::vector<Counted> counted;  // of each kernel, or empty
  double compile_us = 0;         // program to loaded code, without the texts
};

/// All stage names, in order: problem, schedule, tile, every pass, the targets' own, asm, resources.
std::vector<std::string> stage_names();

Result<Dump> dump(Source source, Counting counting, uint64_t seed);

}  // namespace tilejit::jitdump
