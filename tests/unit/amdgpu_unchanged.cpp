// Flipped bits that change no result: both kernels are executed and compared instruction by instruction, and the altered
// instruction alone on random registers.
#include <algorithm>
#include <array>
#include <random>

#include "tests/unit/amdgpu_survivors.h"

#ifdef TILEJIT_HAVE_AMDGPU

#include "targets/amdgpu/emulator/machine.h"
#include "targets/amdgpu/emulator/memory_row.h"
#include "targets/amdgpu/emulator/program.h"
#include "targets/amdgpu/emulator/transfer.h"
#include "targets/amdgpu/emulator/wave.h"

namespace tilejit::testing {
namespace {

using namespace amdgpu::emulator;

/// One instruction that executed: what it wrote.
struct Effect {
  uint32_t at = 0;
  uint64_t written = 0;
  bool operator==(const Effect&) const = default;
};

uint64_t mixed(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
  return hash ^ hash >> 29;
}

uint64_t written_by(const Wave& w, const Instr& i) {
  uint64_t hash = mixed(1, w.exec());
  hash = mixed(hash, w.scc() ? 1 : 0);
  const auto add = [&](const Range& range) {
    for (uint16_t n = range.first; n < range.first + range.words; ++n) {
      if (!range.is_vector) hash = mixed(hash, w.sgpr[n]);
      if (range.is_vector)
        for (const uint32_t lane : w.vgpr[n]) hash = mixed(hash, lane);
    }
  };
  for (size_t n = 0; n < i.write_ranges; ++n) add(i.writes[n]);
  return hash;
}

std::vector<Effect> effects_of(Subject& subject, size_t operands, const Emulator& emulator) {
  std::vector<Effect> effects;
  const Observer observer = [&](const Wave& w, const Instr& i) {
    effects.push_back({static_cast<uint32_t>(w.pc), written_by(w, i)});
  };
  run(subject, operands, emulator, &observer);
  return effects;
}

/// Numbers that instructions tell apart: small ones, floats, halves, the instruction's own constants, any bits.
uint32_t random_word(std::mt19937_64& random, const Instr& i) {
  const auto any = static_cast<uint32_t>(random());
  const Operand& o = i.operand[random() % std::max<size_t>(i.operands, 1)];
  if (o.kind == Kind::constant && any % 4 == 0) return static_cast<uint32_t>(o.value + random() % 3 - 1);
  switch (random() % 6) {
    case 0: return any % 64;
    case 1: return (any & 0x807fffffU) | (120 + any % 16) << 23;
    case 2: return (any & 0x83ff83ffU) | 0x38003800U;
    case 3: return any % 2 == 0 ? 0xffffffffU << any % 32 : 0x80000000U >> any % 32;
    case 4: return (any % 2 == 0 ? 0x7fffff80U : 0x80000000U) + any % 128;  // next to overflow
    default: return any;
  }
}

void randomize(Wave& w, const Instr& i, std::mt19937_64& random) {
  for (uint32_t& s : w.sgpr) s = random_word(random, i);
  w.sgpr[scalar::null] = 0;
  w.sgpr[scalar::scc] = random() % 2;
  if (random() % 4 == 0) w.set_pair(scalar::exec, 0);
  if (random() % 2 == 0)  // pairs that are small numbers
    for (size_t n = 1; n < scalar::vcc; n += 2) w.sgpr[n] = 0;
  w.sgpr_written.set();
  for (size_t n = 0; n < w.vgpr.size(); ++n) {
    const bool is_uniform = random() % 4 == 0;
    const uint32_t all = random_word(random, i);
    for (uint32_t& lane : w.vgpr[n]) lane = is_uniform ? all : random_word(random, i);
    w.vgpr_written[n] = {~uint64_t{0}, ~uint64_t{0}};
  }
}

/// All that one instruction does to random registers: addresses are seen by what is reported of them.
std::vector<uint32_t> alone(const Emulator& emulator, const Launch& launch, size_t instruction, const Instr& like,
                            uint64_t seed) {
  const Program& p = emulator.program();
  Result<Machine> machine = make_machine(p, launch);
  if (!machine) return {};
  start(*machine);
  std::mt19937_64 random(seed);
  Wave& w = machine->waves[0];
  // The original's constants for both, so that both begin with the same registers.
  randomize(w, like, random);
  w.pc = static_cast<int32_t>(instruction);
  w.next = w.pc + 1;
  const Instr& i = p.instrs[instruction];
  w.check(i);
  i.run(w, i);
  std::vector<uint32_t> state(w.sgpr.begin(), w.sgpr.end());
  for (const Lanes& lanes : w.vgpr) state.insert(state.end(), lanes.begin(), lanes.end());
  if (i.memory != nullptr && i.memory->direction == Direction::store)
    for (size_t n = 0; n < size_t{i.memory->accesses}; ++n)
      for (size_t lane = 0; lane < static_cast<size_t>(w.lanes); ++lane) {
        std::array<uint8_t, 16> bytes = {};
        get_lane(w, i.memory->transfer, i.operand[2 * n], lane, bytes.data());
        state.insert(state.end(), bytes.begin(), bytes.end());
      }
  const auto next = static_cast<size_t>(w.next);
  state.push_back(next < p.addresses.size() ? static_cast<uint32_t>(p.addresses[next]) : 0);
  state.push_back(w.mode);
  for (const Report& report : machine->reports)
    for (const char c : report.message) state.push_back(static_cast<uint8_t>(c));
  return state;
}

/// Floats of one sign, neither zero nor infinite nor NaN.
bool are_ordinary(uint64_t a, uint64_t b) {
  const auto is_ordinary = [](uint64_t x) { return (x >> 23 & 0xff) != 0xff && (x & 0x7fffffff) != 0; };
  return is_ordinary(a) && is_ordinary(b) && (a ^ b) >> 31 == 0;
}

/// Which of the ways in which instructions ignore bits of operands explains the two texts; empty: none.
std::string why_ignored(const Program& before, const Program& after, size_t instruction) {
  const Instr &x = before.instrs[instruction], &y = after.instrs[instruction];
  const std::string_view mnemonic = mnemonic_of(before.texts[instruction]);
  const auto is = [&](std::string_view part) { return mnemonic.find(part) != mnemonic.npos; };
  const uint64_t width = is("u64") && is("lshl_add") ? 8 : is("b64") || is("u64") ? 64 : is("16") ? 16 : 32;
  const bool shifts = is("lsh") || is("ashr");
  const bool divides = is("v_div_scale") || is("v_div_fixup");
  for (size_t n = 0; n < x.operands; ++n) {
    const Operand &a = x.operand[n], &b = y.operand[n];
    const bool constants = a.kind == Kind::constant && b.kind == Kind::constant;
    if (shifts && constants && a.value != b.value && a.value % width == b.value % width)
      return "a shift counts modulo the width";
    if (is("v_div_scale") && constants && a.value != b.value && (a.value ^ b.value) >> 23 == 0)
      return "v_div_scale looks at exponents";
    if (is("v_div_fixup") && constants && a.value != b.value && are_ordinary(a.value, b.value))
      return "v_div_fixup looks at signs and for special values";
    if (divides && (a.negate != b.negate || a.magnitude != b.magnitude)) return "signs that division does not look at";
    if (constants && a.magnitude != b.magnitude && a.value >> 31 == 0) return "|x| of a constant that is not negative";
  }
  if (before.wave == 32 && x.modifiers.row_mask % 4 == y.modifiers.row_mask % 4 &&
      x.modifiers.row_mask != y.modifiers.row_mask)
    return "DPP's rows of a wave of 64";
  if (x.modifiers.bound_ctrl != y.modifiers.bound_ctrl && is("_add_") && x.operand[0].first == x.operand[2].first)
    return "a lane without a source adds 0 to itself or stays";
  if (is("readlane") && x.operand[2].value % static_cast<uint64_t>(before.wave) ==
                            y.operand[2].value % static_cast<uint64_t>(before.wave))
    return "lanes count modulo the wave";
  if (x.dual != nullptr && y.dual != nullptr && x.vector == x.dual->vector && y.vector == x.vector &&
      x.operand[0].first == y.dual->operand[0].first && y.operand[0].first == x.dual->operand[0].first)
    return "the halves of a pair change places";
  const unsigned op_sel = x.modifiers.op_sel ^ y.modifiers.op_sel;
  if (is("_mix") && op_sel != 0 && (op_sel & x.modifiers.op_sel_hi) == 0) return "op_sel of a source of 32 bits";
  return {};
}

bool differ_alone(const Subject& subject, const Emulator& original, const Emulator& altered, size_t instruction) {
  const Launch& launch = subject.operands[0].launches[0].launch;
  for (uint64_t seed = 1; seed <= 1000; ++seed)
    if (alone(original, launch, instruction, original.program().instrs[instruction], seed) !=
        alone(altered, launch, instruction, original.program().instrs[instruction], seed))
      return true;
  return false;
}

}  // namespace

std::string_view to_string(Unchanged unchanged) {
  switch (unchanged) {
    case Unchanged::unseen: return "writes the same from these operands, but not from random ones";
    case Unchanged::dead: return "nothing depends on what it writes";
    case Unchanged::absorbed: return "later instructions give the same";
    case Unchanged::other_path: return "another path to the same end";
    case Unchanged::defined: return "the instruction's definition";
    case Unchanged::ignored: break;
  }
  return "IGNORED";
}

std::string without_cache_policy(std::string_view text) {
  std::string kept;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    const bool is_policy = word == "glc" || word == "scc" || word == "slc" || word == "dlc" || word == "nt" ||
                           word == "sc0" || word == "sc1" || word.starts_with("th:") || word.starts_with("scope:");
    if (!is_policy) kept += std::string(kept.empty() ? "" : " ") + std::string(word);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return kept;
}

FlipProof prove_unchanged(Subject& subject, const Emulator& original, const Emulator& altered, size_t instruction) {
  FlipProof proof;
  for (size_t n = 0; n < subject.operands.size(); ++n) {
    const std::vector<Effect> before = effects_of(subject, n, original), after = effects_of(subject, n, altered);
    const auto same_place = [](const Effect& a, const Effect& b) { return a.at == b.at; };
    if (!std::ranges::equal(before, after, same_place)) return {Unchanged::other_path, {}};
    size_t last = instruction;
    for (size_t k = 0; k < before.size(); ++k) {
      if (before[k] == after[k]) continue;
      proof.kind = std::max(proof.kind, before[k].at == instruction ? Unchanged::dead : Unchanged::absorbed);
      last = before[k].at;
    }
    if (proof.kind == Unchanged::absorbed) proof.by = mnemonic_of(original.program().texts[last]);
  }
  if (proof.kind == Unchanged::unseen && !differ_alone(subject, original, altered, instruction)) {
    proof.by = why_ignored(original.program(), altered.program(), instruction);
    proof.kind = proof.by.empty() ? Unchanged::ignored : Unchanged::defined;
  }
  return proof;
}

}  // namespace tilejit::testing

#endif
