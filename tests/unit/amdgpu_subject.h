// A kernel of which the sensitivity test runs altered copies: its code object, operands and workgroups, and what the
// unaltered kernel makes of them.
#pragma once

#ifdef TILEJIT_HAVE_AMDGPU

#include <tilejit/result.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "targets/amdgpu/emulator/emulator.h"
#include "targets/amdgpu/launcher.h"
#include "tests/unit/assemble_amdgpu.h"

namespace tilejit::testing {

/// One set of operands, at the same addresses in each run.
struct Operands {
  struct Buffer {
    std::vector<std::byte> initial, live, expected;
  };
  std::vector<Buffer> buffers;
  std::vector<amdgpu::TaskLaunch> launches;  // run in order
  uint64_t instructions = 0;                 // that the unaltered kernel executes
};

struct Subject {
  std::string name;
  const amdgpu::GpuRow* row = nullptr;
  std::vector<uint8_t> code_object;
  std::vector<Operands> operands;
  size_t code_at = 0;  // of the kernel's first instruction in the code object

  Result<amdgpu::emulator::Emulator> load() const { return amdgpu::emulator::Emulator::load(*row, code_object); }
};

/// How a run ends. `report` and `bits` are what a user would see of an error; `refused` is code that cannot be run at all.
enum class End : uint8_t { silent, report, bits, refused, stopped };

struct Ran {
  End end = End::silent;
  std::string why;
};

/// With the subject's n-th operands. A run of more than a few times the unaltered kernel's instructions is stopped.
Ran run(Subject& subject, size_t n, const amdgpu::emulator::Emulator& emulator,
        const amdgpu::emulator::Observer* observer = nullptr);
/// The first run that is not silent, over all operands.
Ran run_all(Subject& subject, const amdgpu::emulator::Emulator& emulator);

/// The kernels of a linear layer. Operands are finite numbers of moderate size; `sets` of them.
Result<std::vector<Subject>> linear_subjects(const std::string& target, const std::string& line, size_t sets);

/// A kernel written by hand: its arguments are the addresses of `in` (random words, `floats`: halves of moderate size in
/// each) and `out`, `words` of them both.
struct Written {
  const char* name;
  AssembledKernel kernel;
  uint32_t items = 64;
  uint32_t groups = 2;
  size_t in_words = 1024;
  size_t out_words = 1024;
  bool holds_halves = true;
};
Result<Subject> written_subject(const Written& written, size_t sets);

}  // namespace tilejit::testing

#endif
