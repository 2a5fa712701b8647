// Missing wait states: each pair of instructions at its distance and one nearer, and the states of RDNA pipelines.
#ifdef TILEJIT_HAVE_AMDGPU

#include <gtest/gtest.h>

#include <bit>
#include <string>
#include <vector>

#include "targets/amdgpu/emulator/hazards.h"
#include "targets/amdgpu/emulator/hazards_table.h"

namespace tilejit::amdgpu::emulator {
namespace {

using enum Unit;
using enum Role;
constexpr RegisterFile vgpr = RegisterFile::vgpr, agpr = RegisterFile::agpr, sgpr = RegisterFile::sgpr;
using Ranges = std::vector<RegisterRange>;

Issue make(Unit unit, Ranges writes, Ranges reads, uint16_t traits = 0, uint32_t opcode = 0) {
  Issue issue;
  issue.unit = unit;
  issue.traits = traits;
  issue.opcode = opcode;
  issue.writes = std::move(writes);
  issue.reads = std::move(reads);
  return issue;
}
RegisterRange v(int first, int count = 1, Role role = other) { return {vgpr, first, count, role}; }
RegisterRange s(int first, int count = 1, Role role = other) { return {sgpr, first, count, role}; }
const RegisterRange vcc{RegisterFile::vcc}, exec{RegisterFile::exec}, m0{RegisterFile::m0}, mode{RegisterFile::mode};

/// D = A * B + C at registers d and c, as many as 4 or 16.
Issue mfma(int passes, int size, int d, int factor, int c_first) {
  Issue issue = make(matrix, {v(d, size)}, {v(factor, 2, a), v(factor + 2, 2, b), v(c_first, size, c)});
  issue.passes = passes;
  return issue;
}
Issue move(int to, int from) { return make(valu, {v(to)}, {v(from)}); }
Issue move_scalar(int to, int from) { return make(valu, {v(to)}, {s(from)}); }
Issue first_lane(int to, int from) { return make(valu, {s(to)}, {v(from)}, lane_access); }

const GpuRow& gpu(const std::string& name) { return *find_gpu_row(name); }

/// The reports of the instructions one after the other, with wait states before the last.
std::string run(const GpuRow& row, std::vector<Issue> issues, int states = 0) {
  HazardTracker tracker(row);
  for (Issue& issue : issues) prepare(row, issue);
  for (size_t i = 0; i < issues.size(); ++i) {
    if (i + 1 == issues.size()) tracker.wait(states);
    std::string report = tracker.issue(issues[i]);
    if (!report.empty()) return report;
  }
  return {};
}

struct Pair {
  const char* name;
  Issue first, second;
  int states[3];  // gfx90a, gfx942, gfx950
};

void expect_pairs(const std::vector<Pair>& pairs) {
  const char* const names[] = {"gfx90a", "gfx942", "gfx950"};
  for (const Pair& pair : pairs)
    for (int i = 0; i < 3; ++i) {
      const GpuRow& row = gpu(names[i]);
      EXPECT_EQ(run(row, {pair.first, pair.second}, pair.states[i]), "") << pair.name << " " << names[i];
      if (pair.states[i] > 0) {
        EXPECT_NE(run(row, {pair.first, pair.second}, pair.states[i] - 1), "") << pair.name << " " << names[i];
      }
    }
}

// The passes of 16x16 are 8 on gfx90a and 4 later, of 32x32 16 and 8.
void expect_matrix_pairs(const char* name, int size, int d, int c_first, const Issue& second, int first, int later,
                         int gfx950) {
  const bool large = size == 16;
  const char* const names[] = {"gfx90a", "gfx942", "gfx950"};
  const int states[] = {first, later, gfx950};
  for (int i = 0; i < 3; ++i) {
    const int passes = (large ? 8 : 4) * (i == 0 ? 2 : 1);
    const Issue produce = mfma(passes, size, d, 40, c_first);
    Issue consume = second;
    consume.passes = passes;
    EXPECT_EQ(run(gpu(names[i]), {produce, consume}, states[i]), "") << name << " " << names[i];
    if (states[i] > 0) {
      EXPECT_NE(run(gpu(names[i]), {produce, consume}, states[i] - 1), "") << name << " " << names[i];
    }
  }
}

TEST(AmdgpuHazards, MatrixResultsNeedTheirPasses) {
  const Issue store = make(flat, {}, {v(60, 2), v(3, 1, store_data)});
  const Issue write_lds = make(lds, {}, {v(60), v(3)});
  const Issue load = make(flat, {v(3)}, {v(60, 2)});
  expect_matrix_pairs("16 D, read", 4, 0, 20, move(50, 3), 11, 7, 8);
  expect_matrix_pairs("32 D, read", 16, 0, 20, move(50, 3), 19, 11, 12);
  expect_matrix_pairs("16 D, stored", 4, 0, 20, store, 11, 7, 8);
  expect_matrix_pairs("32 D, to LDS", 16, 0, 20, write_lds, 19, 11, 12);
  expect_matrix_pairs("16 D, overwritten", 4, 0, 20, move(3, 50), 11, 7, 8);
  expect_matrix_pairs("32 D, loaded into", 16, 0, 20, load, 19, 11, 12);
  expect_matrix_pairs("16 C, overwritten", 4, 0, 20, move(21, 50), 7, 3, 3);
  expect_matrix_pairs("32 C, overwritten", 16, 0, 20, move(21, 50), 15, 7, 7);
  expect_matrix_pairs("A, overwritten", 4, 0, 20, move(40, 50), 0, 0, 0);
  expect_matrix_pairs("16 D, A", 4, 0, 20, mfma(0, 4, 60, 2, 80), 11, 7, 8);
  expect_matrix_pairs("32 D, B", 16, 0, 20, mfma(0, 4, 60, 12, 80), 19, 11, 12);
  expect_matrix_pairs("16 D, C", 4, 0, 20, mfma(0, 4, 0, 60, 0), 0, 0, 0);
  expect_matrix_pairs("32 D, C", 16, 0, 20, mfma(0, 16, 0, 60, 0), 0, 0, 0);
  expect_matrix_pairs("16 D, part of C", 4, 0, 20, mfma(0, 4, 60, 64, 2), 8, 5, 6);
  expect_matrix_pairs("32 D, part of C", 16, 0, 20, mfma(0, 4, 60, 64, 4), 16, 9, 10);
  expect_matrix_pairs("another register", 16, 0, 20, move(50, 17), 0, 0, 0);
}

TEST(AmdgpuHazards, AccumulationRegistersCountToo) {
  Issue produce = mfma(4, 4, 0, 40, 20);
  produce.writes = {{agpr, 0, 4}};
  const Issue read = make(valu, {v(0)}, {{agpr, 3, 1}});
  EXPECT_NE(run(gpu("gfx942"), {produce, read}, 6), "");
  EXPECT_EQ(run(gpu("gfx942"), {produce, read}, 7), "");
  EXPECT_EQ(run(gpu("gfx942"), {produce, move(60, 3)}, 0), "");  // v3 is not a3
}

TEST(AmdgpuHazards, WhatReadsVectors) {
  const Issue exp = make(trans, {v(1)}, {v(2)}),
              dot4 = make(dot, {v(10)}, {v(20, 1, a), v(21, 1, b), v(22, 1, c)}, 0, 4);
  const Issue dot_chain = make(dot, {v(10)}, {v(20, 1, a), v(21, 1, b), v(10, 1, c)}, 0, 4);
  const Issue dot_factor = make(dot, {v(11)}, {v(10, 1, a), v(21, 1, b), v(22, 1, c)}, 0, 4);
  const Issue dot8_chain = make(dot, {v(10)}, {v(20, 1, a), v(21, 1, b), v(10, 1, c)}, 0, 8);
  const Issue shared_lanes = make(valu, {v(3)}, {v(2), v(3)}, dpp);
  const Issue swap = make(valu, {v(1), v(2)}, {v(1), v(2)}, lane_swap);
  expect_pairs({
      {"VALU, A", move(40, 1), mfma(4, 4, 0, 40, 20), {2, 2, 2}},
      {"VALU, C", move(21, 1), mfma(4, 4, 0, 40, 20), {2, 2, 2}},
      {"trans, A", make(trans, {v(40)}, {v(1)}), mfma(4, 4, 0, 40, 20), {2, 2, 2}},
      {"dot, A", make(dot, {v(40)}, {v(1)}), mfma(4, 4, 0, 40, 20), {0, 0, 0}},
      {"dot, VALU", dot4, move(30, 10), {3, 3, 3}},
      {"dot, overwritten", dot4, move(10, 30), {3, 3, 3}},
      {"dot, its own C", dot4, dot_chain, {0, 0, 0}},
      {"dot, its own A", dot4, dot_factor, {3, 3, 3}},
      {"dot, C of another", dot4, dot8_chain, {3, 3, 3}},
      {"dot, stored", dot4, make(flat, {}, {v(60, 2), v(10)}), {3, 3, 3}},
      {"VALU, DPP", move(2, 1), shared_lanes, {2, 2, 2}},
      {"VALU, lane", move(2, 1), first_lane(8, 2), {0, 1, 1}},
      {"VALU, swap", move(1, 3), swap, {0, 0, 2}},
      {"trans, VALU", exp, move(3, 1), {0, 1, 1}},
      {"trans, trans", exp, make(trans, {v(3)}, {v(1)}), {0, 0, 0}},
      {"trans, overwritten", exp, move(1, 3), {0, 0, 0}},
      {"half, VALU", make(valu, {v(1)}, {v(2)}, half_write), move(3, 1), {0, 1, 1}},
      {"VALU, VALU", move(1, 2), move(3, 1), {0, 0, 0}},
      {"VALU, store", move(1, 2), make(flat, {}, {v(60, 2), v(1)}), {0, 0, 0}},
  });
}

TEST(AmdgpuHazards, WhatReadsScalarsAndMasks) {
  const Issue compare = make(valu, {vcc}, {v(1), v(2)}), compare_exec = make(valu, {exec}, {v(1), v(2)});
  const Issue shared_lanes = make(valu, {v(3)}, {v(4)}, dpp);
  const Issue select = make(valu, {s(9)}, {v(3), s(8, 1, lane_select)}, lane_access);
  const Issue scalar_move = make(salu, {s(8)}, {});
  const Issue set_m0 = make(salu, {m0}, {}), load_lds = make(flat, {}, {v(0, 2), m0}, reads_m0_late);
  expect_pairs({
      {"EXEC, matrix", compare_exec, mfma(4, 4, 0, 40, 20), {4, 4, 4}},
      {"EXEC, DPP", compare_exec, shared_lanes, {5, 5, 5}},
      {"EXEC, lane", compare_exec, first_lane(8, 3), {0, 4, 4}},
      {"EXEC, VALU", compare_exec, move(5, 6), {0, 0, 0}},
      {"SGPR, buffer", first_lane(8, 2), make(buffer, {v(3)}, {s(0, 4), s(8)}), {5, 5, 5}},
      {"SGPR, resource", first_lane(1, 2), make(buffer, {v(3)}, {s(0, 4), s(8)}), {5, 5, 5}},
      {"SGPR, global", first_lane(4, 2), make(flat, {v(3)}, {s(4, 2), v(60)}), {5, 5, 5}},
      {"SALU, buffer", scalar_move, make(buffer, {v(3)}, {s(0, 4), s(8)}), {0, 0, 0}},
      {"SGPR, SALU", first_lane(8, 2), make(salu, {s(9)}, {s(8)}), {0, 0, 0}},
      {"SGPR, VALU", first_lane(8, 2), move_scalar(3, 8), {0, 2, 2}},
      {"VCC, VALU", compare, make(valu, {v(3)}, {v(4), v(5), vcc}), {0, 2, 2}},
      {"VCC, fmas", compare, make(valu, {v(3)}, {v(4), v(5), vcc}, div_fmas), {4, 4, 4}},
      {"SGPR, lane number", first_lane(8, 2), select, {4, 4, 4}},
      {"SALU, lane number", scalar_move, select, {0, 0, 0}},
      {"M0, LDS load", set_m0, load_lds, {1, 1, 1}},
      {"M0, LDS", set_m0, make(lds, {}, {v(1), v(2), m0}), {0, 0, 0}},
      {"setreg, getreg", make(salu, {mode}, {}), make(salu, {s(1)}, {mode}), {2, 2, 2}},
      {"setreg, setreg", make(salu, {mode}, {}), make(salu, {mode}, {}), {2, 2, 2}},
  });
}

TEST(AmdgpuHazards, WideStoresReadLate) {
  const Issue wide = make(flat, {}, {v(30, 2), v(0, 4, store_data)}, wide_store);
  const Issue narrow = make(flat, {}, {v(30, 2), v(0, 2, store_data)});
  expect_pairs({
      {"data", wide, move(1, 5), {1, 2, 2}},
      {"data by matrix", wide, mfma(4, 4, 0, 40, 20), {1, 2, 2}},
      {"address", wide, move(30, 5), {0, 0, 0}},
      {"narrow", narrow, move(1, 5), {0, 0, 0}},
  });
}

// Every row of the table, each in the way that it describes itself.
TEST(AmdgpuHazards, EachRowFires) {
  for (const HazardRow& row : hazard_rows())
    for (const char* name : {"gfx90a", "gfx942", "gfx950"}) {
      const GpuRow& target = gpu(name);
      // A row that names no register of an instruction means any.
      const auto lowest = [](unsigned mask) { return mask == 0 ? 0 : std::countr_zero(mask); };
      const auto range = [&](uint8_t roles, int count) {
        return RegisterRange{static_cast<RegisterFile>(lowest(row.files)), 0, count, static_cast<Role>(lowest(roles))};
      };
      Issue first, second;
      first.unit = static_cast<Unit>(lowest(row.first_units));
      second.unit = static_cast<Unit>(lowest(row.second_units));
      first.traits = row.first_traits;
      second.traits = row.second_traits;
      second.opcode = row.same == Same::other_opcode ? 1 : 0;
      first.passes = 4;
      (row.first_touch == Touch::reads ? first.reads : first.writes) = {range(row.first_roles, 2)};
      if (row.second_touch != Touch::none)
        (row.second_touch == Touch::reads ? second.reads : second.writes) = {range(row.second_roles, 1)};
      const int states = row.states[static_cast<int>(target.family)];
      const int needed = states == no_hazard ? 0 : states + row.per_pass * first.passes;
      if (needed > 0) {
        const std::string report = run(target, {first, second}, needed - 1);
        EXPECT_NE(report.find(std::to_string(needed) + " needed"), std::string::npos) << row.what << ": " << report;
      }
      EXPECT_EQ(run(target, {first, second}, std::max(needed, 5)), "") << row.what << " on " << name;
    }
}

TEST(AmdgpuHazards, InstructionsBetweenCountAsOneEach) {
  const GpuRow& row = gpu("gfx942");
  std::vector<Issue> issues = {first_lane(8, 2)};
  for (int i = 0; i < 4; ++i) issues.push_back(move(50, 51));
  issues.push_back(make(buffer, {v(3)}, {s(0, 4), s(8)}));
  EXPECT_EQ(run(row, issues),
            "s8 is read by a memory instruction after VALU wrote it: 4 wait states between them, 5 needed");
  issues.insert(issues.begin() + 1, move(52, 53));
  EXPECT_EQ(run(row, issues), "");
}

// A newer result hides the older one: it was written after it.
TEST(AmdgpuHazards, TheLastWriterOfARegisterCounts) {
  const GpuRow& row = gpu("gfx942");
  const Issue large = mfma(8, 16, 0, 40, 20), small = mfma(4, 4, 0, 40, 60);
  EXPECT_EQ(run(row, {large, small, move(50, 1)}, 7), "");
  EXPECT_NE(run(row, {large, small, move(50, 1)}, 6), "");
  EXPECT_NE(run(row, {large, small, move(50, 5)}, 7), "");  // the small one did not write v5
}

TEST(AmdgpuHazards, TranscendentalResultsOnGfx1100) {
  const GpuRow& row = gpu("gfx1100");
  const Issue exp = make(trans, {v(1)}, {v(2)}), other_exp = make(trans, {v(7)}, {v(8)}), use = move(3, 1);
  const auto with = [&](const Issue& between, size_t count) {
    std::vector<Issue> issues = {exp};
    issues.insert(issues.end(), count, between);
    issues.push_back(use);
    return run(row, issues);
  };
  EXPECT_EQ(with(move(9, 10), 0),
            "v1 is read after a transcendental instruction wrote it, with 0 VALU instructions and no va_vdst(0) "
            "between them");
  EXPECT_NE(with(move(9, 10), 5), "");
  EXPECT_EQ(with(move(9, 10), 6), "");
  EXPECT_NE(with(other_exp, 1), "");
  EXPECT_EQ(with(other_exp, 2), "");
  EXPECT_NE(with(make(salu, {s(1)}, {}), 9), "");
  EXPECT_EQ(with(make(salu, {}, {}, waits_vdst), 1), "");
  EXPECT_EQ(with(make(lds, {}, {v(20), v(21)}), 1), "");
  EXPECT_NE(run(row, {exp, make(trans, {v(3)}, {v(1)})}), "");
  for (const char* name : {"gfx1030", "gfx1151", "gfx1201"}) EXPECT_EQ(run(gpu(name), {exp, use}), "") << name;
}

TEST(AmdgpuHazards, WmmaAfterWmma) {
  const auto wmma = [](int d, int a_first, int b_first) {
    return make(matrix, {v(d, 8)}, {v(a_first, 4, a), v(b_first, 4, b), v(d, 8, c)});
  };
  for (const char* name : {"gfx1100", "gfx1151", "gfx1201"}) {
    const GpuRow& row = gpu(name);
    EXPECT_NE(run(row, {wmma(0, 20, 30), wmma(40, 4, 30)}), "") << name;
    EXPECT_NE(run(row, {wmma(0, 20, 30), wmma(40, 20, 7)}), "") << name;
    EXPECT_NE(run(row, {wmma(0, 20, 30), make(salu, {s(1)}, {}), wmma(40, 4, 30)}), "") << name;
    EXPECT_EQ(run(row, {wmma(0, 20, 30), wmma(0, 20, 30)}), "") << name;
    EXPECT_EQ(run(row, {wmma(0, 20, 30), make(valu, {}, {}), wmma(40, 4, 30)}), "") << name;
    EXPECT_EQ(run(row, {wmma(0, 20, 30), move(50, 1)}), "") << name;
  }
}

TEST(AmdgpuHazards, ClausesThatMayRunAgain) {
  const Issue load = make(flat, {v(4)}, {v(0, 2)}), over_address = make(flat, {v(0)}, {v(6, 2)});
  const Issue other = make(buffer, {v(5)}, {v(2, 2), s(4, 4)}), self = make(flat, {v(2)}, {v(2, 2)});
  const Issue store = make(flat, {}, {v(8, 2), v(10)}, stores), scalar = make(smem, {s(8)}, {s(2, 2)});
  const Issue over_scalar = make(smem, {s(2, 2)}, {s(4, 2)}), between = make(lds, {v(20)}, {v(21)});
  for (const char* name : {"gfx90a", "gfx942", "gfx950"}) {
    const GpuRow& row = gpu(name);
    EXPECT_EQ(run(row, {load, other}), "") << name;
    EXPECT_EQ(run(row, {load, over_address}),
              "v0 is written and read by memory instructions with nothing between them, which a page fault may repeat");
    EXPECT_EQ(run(row, {load, between, over_address}), "") << name;
    EXPECT_EQ(run(row, {load, scalar, over_address}), "") << name;
    EXPECT_NE(run(row, {load, other, over_address}), "") << name;
    EXPECT_EQ(run(row, {self}), "") << name;
    EXPECT_NE(run(row, {other, self}), "") << name;
    EXPECT_NE(run(row, {load, store}), "") << name;
    EXPECT_EQ(run(row, {store, load}), "") << name;
    EXPECT_EQ(run(row, {store, store}), "") << name;
    EXPECT_NE(run(row, {scalar, over_scalar}), "") << name;
    EXPECT_EQ(run(row, {scalar, between, over_scalar}), "") << name;
  }
  EXPECT_EQ(run(gpu("gfx1030"), {load, over_address}), "");
}

TEST(AmdgpuHazards, VgprsAreFreedBehindANop) {
  const Issue store = make(flat, {}, {v(8, 2), v(10)}, stores), free = make(salu, {}, {}, frees_vgprs);
  const Issue pause = make(salu, {}, {}, nop);
  for (const char* name : {"gfx1100", "gfx1150", "gfx1201"}) {
    EXPECT_EQ(run(gpu(name), {store, pause, free}), "") << name;
    EXPECT_NE(run(gpu(name), {pause, store, free}), "") << name;
  }
}

TEST(AmdgpuHazards, ScalarsOnGfx12) {
  const GpuRow& row = gpu("gfx1201");
  const Issue use = move_scalar(3, 8), by_salu = make(salu, {s(8)}, {}), by_valu = first_lane(8, 1);
  const Issue other_half = make(salu, {s(9)}, {}), use_half = move_scalar(3, 9), add = make(salu, {s(20)}, {s(8)});
  const Issue wait_salu = make(salu, {}, {}, waits_salu), wait_sdst = make(salu, {}, {}, waits_sdst);
  EXPECT_EQ(run(row, {by_salu, use}), "");  // nobody has read it before
  EXPECT_EQ(run(row, {use, by_salu, use}),
            "s8 is read after it was written, with no s_wait_alu sa_sdst(0) between them");
  EXPECT_EQ(run(row, {use, by_salu, wait_salu, use}), "");
  EXPECT_NE(run(row, {use, by_salu, wait_sdst, use}), "");
  EXPECT_NE(run(row, {use, by_salu, add}), "");
  EXPECT_NE(run(row, {use, other_half, use_half}), "");  // the pair counts
  EXPECT_EQ(run(row, {use, other_half, use}), "");
  EXPECT_EQ(run(row, {use, by_valu, use}),
            "s8 is read after it was written, with no s_wait_alu va_sdst(0) between them");
  EXPECT_EQ(run(row, {use, by_valu, wait_sdst, use}), "");
  EXPECT_EQ(run(row, {use, by_valu, add, use}), "");
  // SALU waits for all that VALU writes to SGPRs before it reads one, whoever has read that one before.
  EXPECT_EQ(run(row, {use, by_valu, make(salu, {s(20)}, {s(22)}), use}), "");
  EXPECT_NE(run(row, {use, by_valu, make(salu, {s(20)}, {}), use}), "");
  EXPECT_NE(run(row, {use, by_valu, make(salu, {s(20)}, {vcc}), use}), "");
  EXPECT_NE(run(row, {use, by_valu, make(salu, {s(20)}, {m0}), use}), "");
  EXPECT_NE(run(row, {use, by_valu, make(salu, {s(20)}, {exec}), use}), "");
  EXPECT_NE(run(row, {use, by_valu, by_salu, wait_salu, use}), "");
  EXPECT_NE(run(row, {use, by_salu, by_valu, wait_sdst, use}), "");
  EXPECT_EQ(run(row, {use, by_salu, make(smem, {s(12)}, {s(4, 2)}), use}), "");
  EXPECT_EQ(run(row, {use, by_salu, make(buffer, {v(5)}, {s(12, 4)}), use}), "");
  EXPECT_NE(run(row, {use, by_salu, make(flat, {v(5)}, {v(6, 2)}), use}), "");
  EXPECT_EQ(run(gpu("gfx1100"), {use, by_salu, use}), "");
}

TEST(AmdgpuHazards, VccOnGfx12) {
  const GpuRow& row = gpu("gfx1201");
  const Issue choose = make(valu, {v(3)}, {v(4), v(5), vcc}), compare = make(valu, {vcc}, {v(1), v(2)});
  const Issue set = make(salu, {vcc}, {});
  EXPECT_EQ(run(row, {choose, compare, choose}),
            "vcc is read after it was written, with no s_wait_alu va_vcc(0) between them");
  EXPECT_EQ(run(row, {choose, compare, make(salu, {}, {}, waits_vcc), choose}), "");
  EXPECT_NE(run(row, {choose, compare, make(salu, {}, {}, waits_sdst), choose}), "");
  EXPECT_EQ(run(row, {choose, set, choose}),
            "vcc is read after it was written, with no s_wait_alu sa_sdst(0) between them");
  EXPECT_EQ(run(row, {choose, set, make(salu, {}, {}, waits_salu), choose}), "");
  EXPECT_EQ(run(row, {choose, compare, make(salu, {}, {vcc}), choose}), "");
  EXPECT_NE(run(row, {choose, compare, make(salu, {}, {s(8)}), choose}), "");
}

}  // namespace
}  // namespace tilejit::amdgpu::emulator

#endif
