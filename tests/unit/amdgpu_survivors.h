// Why an altered kernel gives the same result without a report: each class is a proof, found by executing both kernels.
#pragma once

#ifdef TILEJIT_HAVE_AMDGPU

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tests/unit/amdgpu_mutation.h"
#include "tests/unit/amdgpu_subject.h"

namespace tilejit::testing {

/// Places of the program in the order in which one wave executes them.
using Trace = std::vector<uint32_t>;
/// Of all waves of all launches of all operands.
std::vector<Trace> traces_of(Subject& subject, const amdgpu::emulator::Emulator& emulator);

/// A wait without which nothing changes. The proof follows the traces with counters of its own, which know instructions by
/// their text only: `idle` when the wait never finds more outstanding than it allows, `covered` when no register that it
/// waits for is named and no barrier is met before another wait finishes the same accesses. Else `needed` says where.
struct WaitProof {
  enum class Kind : uint8_t { idle, covered, not_executed, needed } kind = Kind::idle;
  std::string where;
};
/// `looser` is what the wait allows instead for each counter, -1: any number; empty where it is left out.
WaitProof prove_harmless(const amdgpu::emulator::Program& program, const std::vector<Trace>& traces, size_t instruction,
                         std::span<const int16_t> looser, bool is_alone_in_group);

/// The same of s_wait_alu on RDNA 4: `idle` when no SGPR that it waits for has been written, `covered` when none that was and
/// whose pair VALU has read before is read until another wait.
WaitProof prove_alu_wait_redundant(const amdgpu::emulator::Program& program, const std::vector<Trace>& traces,
                                   size_t instruction);
/// A barrier before which, or behind which, no wave accesses the LDS up to the next one: no two accesses are kept apart by it.
bool separates_nothing(const amdgpu::emulator::Program& program, const std::vector<Trace>& traces, size_t instruction);
/// Before an instruction that reads what a packed operation has just written: LLVM takes the operation's op_sel_hi for the mark of
/// an operation that writes half of a register, whose result CDNA 3 hands on a state later. A packed operation writes whole ones.
bool is_behind_packed_operation(const amdgpu::emulator::Program& program, size_t instruction);
/// RDNA needs no s_nop but before VGPRs are freed; others fill the code up to a branch target on a boundary of fetched code.
bool is_padding(const amdgpu::emulator::Program& program, size_t instruction);

/// A flipped bit that changes no result. All but the last: the altered instruction is another one to the emulator.
enum class Unchanged : uint8_t {
  unseen,      // each execution of each instruction writes what it wrote; on random registers the altered one does not
  dead,        // only its own results differ: nothing depends on them
  absorbed,    // later instructions differ too, until others give the same from both
  other_path,  // other instructions execute, to the same end
  defined,     // on random registers too it writes the same, and the instruction's definition says why
  ignored,     // nothing says why
};
std::string_view to_string(Unchanged unchanged);

struct FlipProof {
  Unchanged kind = Unchanged::unseen;
  std::string by;  // absorbed: the last mnemonic that gives the same from different values; defined: why
};
FlipProof prove_unchanged(Subject& subject, const amdgpu::emulator::Emulator& original,
                          const amdgpu::emulator::Emulator& altered, size_t instruction);

/// The text without words that only choose caches.
std::string without_cache_policy(std::string_view text);

}  // namespace tilejit::testing

#endif
