// Scalar instructions that save and change EXEC, and those that touch registers by other ways.
#include "targets/amdgpu/emulator/general_row.h"

namespace tilejit::amdgpu::emulator {
namespace {

using namespace general_flag;
using u64 = uint64_t;

/// D = EXEC; EXEC = f(source, EXEC); SCC says whether a lane is left.
template <auto f, int words>
void save_exec(Wave& w, const Instr& i) {
  constexpr u64 all = words == 2 ? ~u64{0} : 0xffffffffU;
  const u64 source = words == 2 ? w.words(i.operand[1]) : w.word(i.operand[1]);
  const u64 old = w.pair(scalar::exec) & all;
  const u64 now = f(source, old) & all;
  if (words == 2) {
    w.set_pair(i.operand[0].first, old);
    w.set_pair(scalar::exec, now);
  } else {
    w.set_scalar(i.operand[0].first, static_cast<uint32_t>(old));
    w.set_scalar(scalar::exec, static_cast<uint32_t>(now));
  }
  w.set_scc(now != 0);
}

/// D = EXEC = f(source, EXEC).
template <auto f, int words>
void write_exec(Wave& w, const Instr& i) {
  constexpr u64 all = words == 2 ? ~u64{0} : 0xffffffffU;
  const u64 source = words == 2 ? w.words(i.operand[1]) : w.word(i.operand[1]);
  const u64 now = f(source, w.pair(scalar::exec) & all) & all;
  for (const uint16_t to : {i.operand[0].first, scalar::exec}) {
    if (words == 2)
      w.set_pair(to, now);
    else
      w.set_scalar(to, static_cast<uint32_t>(now));
  }
  w.set_scc(now != 0);
}

template <int words>
void conditional_move(Wave& w, const Instr& i) {
  if (!w.scc()) return;
  if (words == 2)
    w.set_pair(i.operand[0].first, w.words(i.operand[1]));
  else
    w.set_scalar(i.operand[0].first, w.word(i.operand[1]));
}

/// Each group of four bits becomes whether it has a one: whole quads of lanes.
u64 quads(u64 x) {
  u64 r = 0;
  for (int n = 0; n < 64; n += 4)
    if (((x >> n) & 15) != 0) r |= u64{15} << n;
  return r;
}
template <int words>
void whole_quads(Wave& w, const Instr& i) {
  const u64 r = quads(words == 2 ? w.words(i.operand[1]) : w.word(i.operand[1]));
  if (words == 2)
    w.set_pair(i.operand[0].first, r);
  else
    w.set_scalar(i.operand[0].first, static_cast<uint32_t>(r));
  w.set_scc(r != 0);
}

constexpr u64 mask_and(u64 s, u64 e) { return s & e; }
constexpr u64 mask_or(u64 s, u64 e) { return s | e; }
constexpr u64 mask_xor(u64 s, u64 e) { return s ^ e; }
constexpr u64 source_and_not_exec(u64 s, u64 e) { return s & ~e; }
constexpr u64 exec_and_not_source(u64 s, u64 e) { return ~s & e; }
constexpr u64 source_or_not_exec(u64 s, u64 e) { return s | ~e; }
constexpr u64 exec_or_not_source(u64 s, u64 e) { return ~s | e; }

template <auto f, int words>
constexpr GeneralRow saves(std::string_view mnemonic) {
  return {mnemonic, save_exec<f, words>, Class::salu, 2, 1, writes_scc | reads_exec, {words, words}};
}
template <auto f, int words>
constexpr GeneralRow writes(std::string_view mnemonic) {
  return {mnemonic, write_exec<f, words>, Class::salu, 2, 1, writes_scc | reads_exec, {words, words}};
}

constexpr GeneralRow rows[] = {
    saves<mask_and, 1>("s_and_saveexec_b32"),
    saves<mask_and, 2>("s_and_saveexec_b64"),
    saves<mask_or, 1>("s_or_saveexec_b32"),
    saves<mask_or, 2>("s_or_saveexec_b64"),
    saves<mask_xor, 1>("s_xor_saveexec_b32"),
    saves<mask_xor, 2>("s_xor_saveexec_b64"),
    saves<source_and_not_exec, 1>("s_andn2_saveexec_b32"),
    saves<source_and_not_exec, 2>("s_andn2_saveexec_b64"),
    saves<source_and_not_exec, 1>("s_and_not1_saveexec_b32"),
    saves<source_and_not_exec, 2>("s_and_not1_saveexec_b64"),
    saves<exec_and_not_source, 1>("s_andn1_saveexec_b32"),
    saves<exec_and_not_source, 2>("s_andn1_saveexec_b64"),
    saves<exec_and_not_source, 1>("s_and_not0_saveexec_b32"),
    saves<exec_and_not_source, 2>("s_and_not0_saveexec_b64"),
    saves<source_or_not_exec, 1>("s_orn2_saveexec_b32"),
    saves<source_or_not_exec, 2>("s_orn2_saveexec_b64"),
    saves<source_or_not_exec, 1>("s_or_not1_saveexec_b32"),
    saves<source_or_not_exec, 2>("s_or_not1_saveexec_b64"),
    saves<exec_or_not_source, 1>("s_orn1_saveexec_b32"),
    saves<exec_or_not_source, 2>("s_orn1_saveexec_b64"),
    saves<exec_or_not_source, 1>("s_or_not0_saveexec_b32"),
    saves<exec_or_not_source, 2>("s_or_not0_saveexec_b64"),
    writes<exec_and_not_source, 1>("s_andn1_wrexec_b32"),
    writes<exec_and_not_source, 2>("s_andn1_wrexec_b64"),
    writes<exec_and_not_source, 1>("s_and_not0_wrexec_b32"),
    writes<exec_and_not_source, 2>("s_and_not0_wrexec_b64"),
    writes<source_and_not_exec, 1>("s_andn2_wrexec_b32"),
    writes<source_and_not_exec, 2>("s_andn2_wrexec_b64"),
    writes<source_and_not_exec, 1>("s_and_not1_wrexec_b32"),
    writes<source_and_not_exec, 2>("s_and_not1_wrexec_b64"),
    {"s_cmov_b32", conditional_move<1>, Class::salu, 2, 1, reads_scc | updates_first, {1, 1}},
    {"s_cmov_b64", conditional_move<2>, Class::salu, 2, 1, reads_scc | updates_first, {2, 2}},
    {"s_wqm_b32", whole_quads<1>, Class::salu, 2, 1, writes_scc, {1, 1}},
    {"s_wqm_b64", whole_quads<2>, Class::salu, 2, 1, writes_scc, {2, 2}},
};

}  // namespace

std::span<const GeneralRow> scalar_mask_rows() { return rows; }

}  // namespace tilejit::amdgpu::emulator
