// The stages of one compilation as text, in the order in which they happen.
#pragma once

#include <tilejit/result.h>

#include <string>
#include <vector>

#include "jit/compile.h"
#include "tools/jitdump/source.h"

namespace tilejit::jitdump {

struct Section {
  std::string stage;
  std::string kernel;  // empty: the whole program
  std::string text;
};

struct Dump {
  Source source;
  std::vector<Section> sections;
  std::vector<CompiledKernel> kernels;
  double compile_us = 0;  // program to loaded code, without the texts
};

/// All stage names, in order: problem, schedule, tile, every pass, vcode, alloc, asm, resources.
std::vector<std::string> stage_names();

Result<Dump> dump(Source source);

}  // namespace tilejit::jitdump
