#include "tests/unit/amdgpu_survivors.h"

#ifdef TILEJIT_HAVE_AMDGPU

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <map>
#include <set>

#include "targets/amdgpu/emulator/program.h"
#include "targets/amdgpu/emulator/waits.h"
#include "targets/amdgpu/emulator/wave.h"

namespace tilejit::testing {
namespace {

using namespace amdgpu::emulator;

/// A register: 'v', 'a', 's' or 'c' (VCC) times 1000 and its number.
using Names = std::set<int>;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/// The registers that a text names, as `v7`, `s[8:11]`, `vcc`.
Names names_in(std::string_view text) {
  Names names;
  for (size_t at = 0; at + 1 < text.size(); ++at) {
    const char file = text[at];
    if (at > 0 && is_word(text[at - 1])) continue;
    if (text.substr(at).starts_with("vcc")) names.insert('c' * 1000);
    if (file != 'v' && file != 's' && file != 'a') continue;
    const bool is_range = text[at + 1] == '[';
    size_t from = at + (is_range ? 2 : 1);
    const auto number = [&] {
      int n = 0;
      for (; from < text.size() && is_digit(text[from]); ++from) n = 10 * n + (text[from] - '0');
      return n;
    };
    if (from >= text.size() || !is_digit(text[from])) continue;
    const int first = number();
    int last = first;
    if (is_range && from < text.size() && text[from] == ':') {
      ++from;
      last = number();
    }
    for (int n = first; n <= last; ++n) names.insert(file * 1000 + n);
  }
  return names;
}

/// What an instruction sends off, by its text.
struct Sent {
  std::vector<Counter> counters;
  bool in_any_order = false;
  bool touches_lds = false;
  Names arrives;  // the registers that it loads
};

Sent sent_by(const Program& p, size_t n) {
  const std::string_view text = p.texts[n], mnemonic = mnemonic_of(text);
  const std::string_view operands = text.substr(std::min(text.size(), mnemonic.size() + 1));
  const bool is_rdna4 = p.row->family == amdgpu::Family::rdna4;
  const bool stores = mnemonic.find("_store") != mnemonic.npos || mnemonic.find("_write") != mnemonic.npos;
  Sent sent;
  if (mnemonic.starts_with("s_load") || mnemonic.starts_with("s_buffer_load")) {
    sent.counters = {is_rdna4 ? Counter::km : Counter::lgkm};
    sent.in_any_order = true;
  } else if (mnemonic.starts_with("ds_")) {
    sent.counters = {Counter::lgkm};
    sent.touches_lds = true;
  } else if (mnemonic.starts_with("flat_")) {
    sent.counters = {Counter::vm, Counter::lgkm};
    sent.in_any_order = true;
  } else if (mnemonic.starts_with("global_load") || mnemonic.starts_with("buffer_load") ||
             mnemonic.starts_with("scratch_load") || mnemonic.find("_store_") != mnemonic.npos) {
    sent.counters = {stores && !amdgpu::is_cdna(p.row->family) ? Counter::vs : Counter::vm};
    sent.touches_lds = mnemonic.find("_lds") != mnemonic.npos || text.find(" lds") != text.npos;
  } else if (is_rdna4 && (mnemonic == "global_inv" || mnemonic == "global_wb" || mnemonic == "global_wbinv")) {
    sent.counters = {mnemonic == "global_inv" ? Counter::vm : Counter::vs};
  }
  if (!sent.counters.empty() && !stores && !(sent.touches_lds && !mnemonic.starts_with("ds_")))
    sent.arrives = names_in(operands.substr(0, operands.find(',')));
  return sent;
}

/// Counters over one trace.
class Counters {
 public:
  struct Event {
    const Sent* sent;
    bool finished = false;
  };
  void send(const Sent& sent) {
    for (const Counter c : sent.counters) queues_[static_cast<size_t>(c)].push_back(&sent);
  }
  /// Leaves at most `limit`; whether anything had to finish.
  bool wait(Counter counter, int limit) {
    auto& queue = queues_[static_cast<size_t>(counter)];
    const size_t before = queue.size();
    if (static_cast<int>(before) <= limit) return false;
    // Accesses of one kind finish in their order; what may finish in any order is done for sure when all are.
    std::map<int, int> newer;
    std::vector<const Sent*> kept;
    for (auto s = queue.rbegin(); s != queue.rend(); ++s) {
      const int kind = (*s)->in_any_order ? 0 : (*s)->touches_lds ? 1 : 2;
      const bool done = kind == 0 ? limit == 0 : ++newer[kind] > limit;
      if (!done) kept.push_back(*s);
    }
    std::ranges::reverse(kept);
    queue = kept;
    return queue.size() != before;
  }
  /// A register of `names` that has yet to arrive; -1: none.
  int pending(const Names& names, const Sent& by) const {
    for (const auto& queue : queues_)
      for (const Sent* s : queue)
        for (const int name : s->arrives) {
          const bool is_same_stream = !by.counters.empty() && by.counters == s->counters && !s->in_any_order &&
                                      by.touches_lds == s->touches_lds && by.arrives.contains(name);
          if (names.contains(name) && !is_same_stream) return name;
        }
    return -1;
  }
  bool has_lds() const {
    return std::ranges::any_of(queues_, [](const auto& queue) {
      return std::ranges::any_of(queue, [](const Sent* s) { return s->touches_lds; });
    });
  }
  bool has_load_to_lds() const {
    return std::ranges::any_of(queues_[static_cast<size_t>(Counter::vm)], [](const Sent* s) { return s->touches_lds; });
  }

 private:
  std::array<std::vector<const Sent*>, wait_counters> queues_;
};

struct Known {
  std::vector<Sent> sent;
  std::vector<Names> named;
};

Known known_of(const Program& p) {
  Known known;
  for (size_t n = 0; n < p.texts.size(); ++n) {
    const bool is_plain = p.texts[n].find(' ') != std::string::npos;
    known.sent.push_back(sent_by(p, n));
    known.named.push_back(is_plain ? names_in(std::string_view(p.texts[n]).substr(p.texts[n].find(' '))) : Names{});
  }
  return known;
}

bool arrives_at_barrier(std::string_view text) { return text == "s_barrier" || text.starts_with("s_barrier_signal"); }

/// Follows one trace with `looser` in the wait's place, except to see whether it would have waited.
WaitProof follow(const Program& p, const Known& known, const Trace& trace, size_t changed,
                 std::span<const int16_t> looser, bool is_alone) {
  WaitProof proof{WaitProof::Kind::not_executed, {}};
  Counters with, without;
  for (const uint32_t at : trace) {
    const Instr& i = p.instrs[at];
    if (at == changed && proof.kind == WaitProof::Kind::not_executed) proof.kind = WaitProof::Kind::idle;
    for (size_t c = 0; c < wait_counters; ++c) {
      if (i.wait[c] < 0) continue;
      const bool waited = with.wait(static_cast<Counter>(c), i.wait[c]);
      if (at == changed && waited) proof.kind = WaitProof::Kind::covered;
      const int limit = at != changed ? i.wait[c] : looser.empty() ? -1 : looser[c];
      if (limit >= 0) without.wait(static_cast<Counter>(c), limit);
    }
    const auto needed = [&](const std::string& what) {
      return WaitProof{WaitProof::Kind::needed, fmt::format("{:#x}: {}: {}", p.addresses[at], p.texts[at], what)};
    };
    // A barrier's arrival tells the other waves that all LDS accesses before it are done.
    const bool arrives = arrives_at_barrier(p.texts[at]);
    if (arrives && !is_alone && without.has_lds()) return needed("LDS accesses are not done");
    if (known.sent[at].touches_lds && without.has_load_to_lds()) return needed("a load to the LDS is not done");
    const Sent& sent = known.sent[at];
    if (const int name = without.pending(known.named[at], sent); name >= 0)
      return needed(fmt::format("{}{} has not arrived", static_cast<char>(name / 1000), name % 1000));
    with.send(sent);
    without.send(sent);
  }
  return proof;
}

/// SGPRs by whom they were written and not waited for, with VCC as 106 and 107.
struct PendingScalars {
  std::bitset<128> by_salu, by_valu;
  void wait(std::string_view text) {
    if (text.find("sa_sdst(0)") != text.npos) by_salu.reset();
    for (size_t n = 0; n < by_valu.size(); ++n)
      if (text.find(n >= scalar::vcc ? "va_vcc(0)" : "va_sdst(0)") != text.npos) by_valu.reset(n);
  }
  bool operator==(const PendingScalars&) const = default;
};

/// Follows one trace without the wait. What SALU or VALU do is told by the first letter of the text.
WaitProof follow_scalars(const Program& p, const Trace& trace, size_t left_out) {
  WaitProof proof{WaitProof::Kind::not_executed, {}};
  std::bitset<64> read_by_valu;
  PendingScalars pending;
  for (const uint32_t at : trace) {
    const Instr& i = p.instrs[at];
    const std::string_view text = p.texts[at];
    if (text.starts_with("s_wait_alu")) {
      PendingScalars waited = pending;
      waited.wait(text);
      if (at == left_out && !(waited == pending)) proof.kind = WaitProof::Kind::covered;
      if (at == left_out && proof.kind == WaitProof::Kind::not_executed) proof.kind = WaitProof::Kind::idle;
      if (at != left_out) pending = waited;
      continue;
    }
    const bool is_valu = text[0] == 'v';
    if (i.kind == Class::smem || text.starts_with("buffer_")) pending = {};
    if (!is_valu && (text[0] != 's' || i.kind == Class::smem || text.starts_with("scratch_"))) continue;
    const auto scalars = [](const Range& r) { return !r.is_vector && r.first < scalar::ttmp; };
    for (size_t n = 0; n < i.read_ranges && !is_valu; ++n)
      if (scalars(i.reads[n]))
        for (size_t s = 0; s < pending.by_valu.size(); ++s)
          if ((s >= scalar::vcc) == (i.reads[n].first >= scalar::vcc)) pending.by_valu.reset(s);
    for (size_t n = 0; n < i.read_ranges; ++n)
      for (size_t s = i.reads[n].first; scalars(i.reads[n]) && s < size_t{i.reads[n].first} + i.reads[n].words; ++s) {
        if (read_by_valu[s / 2] && (pending.by_salu[s] || (is_valu && pending.by_valu[s])))
          return {WaitProof::Kind::needed, fmt::format("{:#x}: {}: scalar {}", p.addresses[at], text, s)};
        if (is_valu) read_by_valu.set(s / 2);
      }
    for (size_t n = 0; n < i.write_ranges; ++n)
      for (size_t s = i.writes[n].first; scalars(i.writes[n]) && s < size_t{i.writes[n].first} + i.writes[n].words; ++s)
        if (read_by_valu[s / 2]) (is_valu ? pending.by_valu : pending.by_salu).set(s);
  }
  return proof;
}

}  // namespace

std::vector<Trace> traces_of(Subject& subject, const Emulator& emulator) {
  std::vector<Trace> all;
  for (size_t n = 0; n < subject.operands.size(); ++n) {
    std::vector<Trace> of_group;
    const Observer observer = [&](const Wave& w, const Instr&) {
      const size_t wave = w.epoch.wave;
      if (of_group.size() <= wave) of_group.resize(wave + 1);
      if (!of_group[wave].empty() && emulator.program().texts[of_group[wave].back()] == "s_endpgm") {
        std::ranges::move(of_group, std::back_inserter(all));  // the next workgroup has begun
        of_group.assign(wave + 1, {});
      }
      of_group[wave].push_back(static_cast<uint32_t>(w.pc));
    };
    run(subject, n, emulator, &observer);
    std::ranges::move(of_group, std::back_inserter(all));
  }
  return all;
}

WaitProof combined(const std::vector<WaitProof>& proofs) {
  WaitProof proof{WaitProof::Kind::not_executed, {}};
  for (const WaitProof& one : proofs) {
    if (one.kind == WaitProof::Kind::needed) return one;
    if (one.kind != WaitProof::Kind::not_executed && proof.kind != WaitProof::Kind::covered) proof = one;
  }
  return proof;
}

WaitProof prove_harmless(const Program& program, const std::vector<Trace>& traces, size_t instruction,
                         std::span<const int16_t> looser, bool is_alone_in_group) {
  const Known known = known_of(program);
  std::vector<WaitProof> proofs;
  for (const Trace& trace : traces)
    proofs.push_back(follow(program, known, trace, instruction, looser, is_alone_in_group));
  return combined(proofs);
}

bool separates_nothing(const Program& program, const std::vector<Trace>& traces, size_t instruction) {
  bool has_before = false, has_behind = false;
  for (const Trace& trace : traces) {
    bool since_barrier = false, is_behind = false;
    for (const uint32_t at : trace) {
      if (arrives_at_barrier(program.texts[at])) {
        is_behind = at == instruction;
        has_before |= is_behind && since_barrier;
        since_barrier = false;
      }
      if (!sent_by(program, at).touches_lds) continue;
      since_barrier = true;
      has_behind |= is_behind;
    }
  }
  return !has_before || !has_behind;
}

WaitProof prove_alu_wait_redundant(const Program& program, const std::vector<Trace>& traces, size_t instruction) {
  std::vector<WaitProof> proofs;
  for (const Trace& trace : traces) proofs.push_back(follow_scalars(program, trace, instruction));
  return combined(proofs);
}

bool is_behind_packed_operation(const Program& p, size_t instruction) {
  const bool is_new_cdna = p.row->family == amdgpu::Family::cdna3 || p.row->family == amdgpu::Family::cdna4;
  if (!is_new_cdna || instruction == 0 || instruction + 1 >= p.texts.size()) return false;
  if (p.texts[instruction] != "s_nop 0" || !p.texts[instruction - 1].starts_with("v_pk_")) return false;
  const Instr& packed = p.instrs[instruction - 1];
  const Instr& reader = p.instrs[instruction + 1];
  for (size_t w = 0; w < packed.write_ranges; ++w)
    for (size_t r = 0; r < reader.read_ranges; ++r) {
      const amdgpu::emulator::Range& a = packed.writes[w];
      const amdgpu::emulator::Range& b = reader.reads[r];
      if (a.is_vector == b.is_vector && a.first < b.first + b.words && b.first < a.first + a.words) return true;
    }
  return false;
}

bool is_padding(const Program& p, size_t instruction) {
  size_t end = instruction;
  while (end < p.texts.size() && p.texts[end] == "s_nop 0") ++end;
  if (amdgpu::is_cdna(p.row->family) || end >= p.texts.size() || p.texts[end].starts_with("s_sendmsg")) return false;
  const bool is_target =
      std::ranges::any_of(p.instrs, [&](const Instr& i) { return i.target == static_cast<int32_t>(end); });
  return is_target && p.addresses[end] % 32 == 0;
}

}  // namespace tilejit::testing

#endif
