#include "tests/unit/amdgpu_mutation.h"

#ifdef TILEJIT_HAVE_AMDGPU

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "targets/amdgpu/emulator/disassemble.h"
#include "targets/amdgpu/emulator/waits.h"

namespace tilejit::testing {
namespace {

using namespace amdgpu::emulator;
using amdgpu::Family;

/// A counter's bits in an instruction's immediate: `bits` from `at` on, and from RDNA's two more of the older form.
struct Field {
  Counter counter;
  int at, bits;
  int high_at = 0, high_bits = 0;
};

std::vector<Field> fields_of(Family family, std::string_view mnemonic) {
  if (mnemonic == "s_waitcnt") {
    if (family == Family::rdna3) return {{Counter::exp, 0, 3}, {Counter::lgkm, 4, 6}, {Counter::vm, 10, 6}};
    const int lgkm_bits = amdgpu::is_cdna(family) ? 4 : 6;
    return {{Counter::vm, 0, 4, 14, 2}, {Counter::exp, 4, 3}, {Counter::lgkm, 8, lgkm_bits}};
  }
  if (mnemonic == "s_wait_loadcnt_dscnt") return {{Counter::lgkm, 0, 6}, {Counter::vm, 8, 6}};
  if (mnemonic == "s_wait_storecnt_dscnt") return {{Counter::lgkm, 0, 6}, {Counter::vs, 8, 6}};
  if (mnemonic == "s_waitcnt_vscnt" || mnemonic == "s_wait_storecnt") return {{Counter::vs, 0, 6}};
  if (mnemonic == "s_wait_loadcnt") return {{Counter::vm, 0, 6}};
  if (mnemonic == "s_wait_dscnt") return {{Counter::lgkm, 0, 6}};
  if (mnemonic == "s_wait_kmcnt") return {{Counter::km, 0, 5}};
  return {};
}

uint32_t get(uint32_t word, const Field& f) {
  const uint32_t low = word >> f.at & ((1U << f.bits) - 1);
  return low | (word >> f.high_at & ((1U << f.high_bits) - 1)) << f.bits;
}
uint32_t put(uint32_t word, const Field& f, uint32_t value) {
  const uint32_t low_mask = (1U << f.bits) - 1, high_mask = (1U << f.high_bits) - 1;
  word = (word & ~(low_mask << f.at)) | (value & low_mask) << f.at;
  return (word & ~(high_mask << f.high_at)) | (value >> f.bits & high_mask) << f.high_at;
}

WaveSize wave_of(const Program& p) { return p.wave == 32 ? WaveSize::wave32 : WaveSize::wave64; }

/// The first instruction of these bytes, which code goes on after.
Result<Line> read_one(const Subject& subject, const Program& p, size_t instruction, std::vector<uint8_t> bytes) {
  const bool is_new = p.row->family == Family::rdna3 || p.row->family == Family::rdna4;
  const std::array<uint8_t, 4> end = {0, 0, uint8_t(is_new ? 0xb0 : 0x81), 0xbf};
  const uint8_t* next =
      subject.code_object.data() + subject.code_at + (p.addresses[instruction] - p.kernel.address) + bytes.size();
  const uint8_t* last = subject.code_object.data() + subject.code_at + p.kernel.code.size();
  bytes.insert(bytes.end(), next, std::min(next + 8, last));
  for (int n = 0; n < 4; ++n) bytes.insert(bytes.end(), end.begin(), end.end());
  const auto lines = TRY(disassemble(std::string(p.row->facts.name), wave_of(p), bytes, p.addresses[instruction]));
  return lines.front();
}

std::vector<uint8_t> instruction_bytes(const Program& p, size_t n) {
  const auto at = p.kernel.code.begin() + static_cast<std::ptrdiff_t>(p.addresses[n] - p.kernel.address);
  return {at, at + bytes_of(p, n)};
}

std::optional<Changed> with_first_word(const Subject& subject, const Program& p, size_t n, uint32_t word) {
  Changed changed{{}, instruction_bytes(p, n)};
  std::memcpy(changed.bytes.data(), &word, sizeof word);
  const Result<Line> line = read_one(subject, p, n, changed.bytes);
  if (!line) return std::nullopt;
  changed.text = line->text;
  return changed;
}

}  // namespace

std::string_view to_string(Guard guard) {
  switch (guard) {
    case Guard::wait: return "wait";
    case Guard::nop: return "s_nop";
    case Guard::alu_wait: return "s_wait_alu";
    case Guard::barrier: break;
  }
  return "barrier";
}

std::string_view mnemonic_of(std::string_view text) {
  std::string_view mnemonic = text.substr(0, text.find(' '));
  for (const std::string_view suffix : {"_dpp", "_sdwa", "_e32", "_e64"})
    if (mnemonic.ends_with(suffix)) mnemonic.remove_suffix(suffix.size());
  return mnemonic;
}

std::optional<Guard> guard_of(const Program& program, size_t instruction) {
  const std::string_view mnemonic = mnemonic_of(program.texts[instruction]);
  if (mnemonic == "s_nop" || mnemonic == "v_nop") return Guard::nop;
  if (mnemonic == "s_wait_alu" || mnemonic == "s_waitcnt_depctr") return Guard::alu_wait;
  if (mnemonic.starts_with("s_wait")) return Guard::wait;
  if (mnemonic.starts_with("s_barrier")) return Guard::barrier;
  return std::nullopt;
}

uint32_t bytes_of(const Program& program, size_t instruction) {
  return instruction + 1 < program.addresses.size()
             ? static_cast<uint32_t>(program.addresses[instruction + 1] - program.addresses[instruction])
             : 4;
}

std::vector<Changed> loosened(const Subject& subject, const Program& program, size_t instruction) {
  const uint32_t word = program.instrs[instruction].encoding;
  std::vector<uint32_t> words;
  const std::string_view mnemonic = mnemonic_of(program.texts[instruction]);
  for (const Field& field : fields_of(program.row->family, mnemonic)) {
    const uint32_t most = (1U << (field.bits + field.high_bits)) - 1;
    if (get(word, field) < most) words.push_back(put(word, field, get(word, field) + 1));
  }
  if (mnemonic == "s_nop" && (word & 15) != 0) words.push_back(word - 1);
  std::vector<Changed> all;
  for (const uint32_t changed : words)
    if (const auto one = with_first_word(subject, program, instruction, changed)) all.push_back(*one);
  return all;
}

std::optional<Changed> flipped(const Subject& subject, const Program& program, size_t instruction, uint32_t bit) {
  Changed changed{{}, instruction_bytes(program, instruction)};
  changed.bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  const Result<Line> line = read_one(subject, program, instruction, changed.bytes);
  if (!line) return std::nullopt;
  changed.text = line->text;
  return changed;
}

Result<Emulator> load_changed(const Subject& subject, const Program& program, size_t instruction,
                              const Changed& changed) {
  std::vector<uint8_t> object = subject.code_object;
  const size_t at = subject.code_at + (program.addresses[instruction] - program.kernel.address);
  std::ranges::copy(changed.bytes, object.begin() + static_cast<std::ptrdiff_t>(at));
  return Emulator::load(*subject.row, object);
}

}  // namespace tilejit::testing

#endif
