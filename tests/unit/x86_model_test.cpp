// The static model against predictions made by hand, and the table of costs against the list of ops.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "targets/x86/model.h"

namespace tilejit::x86 {
namespace {

/// A loop body under construction; every virtual register keeps its number, so nothing is copied.
struct Body {
  VCode code;
  Allocation allocation;
  std::vector<Inst> insts;

  Reg reg(Class cls) {
    const Reg r = code.add_register(cls);
    allocation.number.push_back(static_cast<uint8_t>(index(r)));
    return r;
  }
  Reg zmm() { return reg(Class::zmm); }
  Inst& push(VOp op, Reg dst = Reg::none, Reg a = Reg::none, Reg b = Reg::none, Reg c = Reg::none) {
    Inst& i = insts.emplace_back();
    i.op = op;
    i.dst = dst;
    i.a = a;
    i.b = b;
    i.c = c;
    return i;
  }
  Mem memory() {
    if (pointer == Reg::none) pointer = reg(Class::gpr);
    Mem mem;
    mem.kind = MemKind::pointer;
    mem.base = pointer;
    return mem;
  }
  Prediction on(std::string_view core) const { return predict(core_of(core), insts, code, allocation); }

  Reg pointer = Reg::none;
};

/// `chains` sums that each take `length` dependent FMA an iteration.
Body fma_chains(int chains, int length) {
  Body body;
  const Reg x = body.zmm();
  for (int c = 0; c < chains; ++c) {
    const Reg sum = body.zmm();
    for (int i = 0; i < length; ++i) body.push(VOp::fma, sum, x, x, sum);
  }
  return body;
}

void expect(const Prediction& p, double cycles, std::string_view limit) {
  EXPECT_NEAR(p.cycles, cycles, 1e-9) << p.machine;
  EXPECT_EQ(p.limit, limit) << p.machine;
}

TEST(X86Timing, EveryOpHasARow) {
  for (int i = 0; i < vop_count; ++i) {
    const auto op = static_cast<VOp>(i);
    for (const char* core : {"zen4", "zen5", "spr"})
      EXPECT_TRUE(has_timing(core_of(core), op))
          << "targets/x86/timing.def has no row for " << info(op).name << " on " << core;
  }
}

TEST(X86Timing, EveryCostUsesPortsOfItsCore) {
  for (const Core& core : cores())
    for (int i = 0; i < vop_count; ++i) {
      Inst inst;
      inst.op = static_cast<VOp>(i);
      if (!has_timing(core, inst.op)) continue;
      for (const MemKind mem : {MemKind::none, MemKind::pointer}) {
        inst.mem.kind = mem;
        const Cost cost = cost_of(core, inst);
        for (const Use& use : cost.uses)
          EXPECT_TRUE(use.count == 0 || core.group(use.group).ports != 0) << core.name << " " << info(inst.op).name;
      }
    }
}

TEST(X86Timing, OlderRowsShareACoreWithoutBf16) {
  EXPECT_EQ(&core_of("avx512"), &core_of("avx512_vnni"));
  EXPECT_FALSE(has_timing(core_of("avx512"), VOp::dpbf16));
  EXPECT_TRUE(has_timing(core_of("avx512"), VOp::fma));
}

TEST(X86Model, FewChainsWaitForTheLatency) {
  expect(fma_chains(2, 1).on("zen4"), 4, "chain");
  expect(fma_chains(4, 1).on("zen4"), 4, "fp01");  // two pipes, two halves each: the ports take as long as the latency
  expect(fma_chains(4, 1).on("zen5"), 4, "chain");
  expect(fma_chains(4, 1).on("spr"), 4, "chain");
  expect(fma_chains(2, 3).on("spr"), 12, "chain");
}

TEST(X86Model, ManyChainsWaitForThePorts) {
  expect(fma_chains(12, 2).on("zen4"), 24, "fp01");
  expect(fma_chains(12, 2).on("zen5"), 12, "fp01");
  expect(fma_chains(12, 2).on("spr"), 12, "p05");
}

/// Three permutes and two FMA: on Zen they share one pipe, on Intel the permutes are confined to port 5.
TEST(X86Model, PortsAreSharedByWhatCanGoNowhereElse) {
  Body body = fma_chains(2, 1);
  const Reg table = body.zmm();
  for (int i = 0; i < 3; ++i) body.push(VOp::vpermps, body.zmm(), table, table);
  expect(body.on("spr"), 4, "chain");
  for (int i = 0; i < 3; ++i) body.push(VOp::vpermps, body.zmm(), table, table);
  expect(body.on("zen4"), 6, "fp12");
  expect(body.on("spr"), 6, "p5");
  Body even = fma_chains(8, 1);
  for (int i = 0; i < 6; ++i) even.push(VOp::vpermps, even.zmm(), even.insts[0].a, even.insts[0].a);
  expect(even.on("zen4"), 28 / 3.0, "fp01+fp12");  // 28 halves on three pipes
  expect(even.on("spr"), 7, "p05");                // 14 micro-ops on two ports
}

TEST(X86Model, LoadsAndStoresOfZmmTakeBothHalves) {
  Body loads;
  for (int i = 0; i < 4; ++i) loads.push(VOp::load, loads.zmm()).mem = loads.memory();
  expect(loads.on("zen4"), 4, "vector loads");
  expect(loads.on("zen5"), 2, "vector loads");
  expect(loads.on("spr"), 2, "p23");
  EXPECT_NEAR(loads.on("zen4").l2_cycles, 4 * 64 / 32.0, 1e-9);
  Body stores;
  for (int i = 0; i < 4; ++i) stores.push(VOp::store, Reg::none, stores.zmm()).mem = stores.memory();
  expect(stores.on("zen4"), 8, "stores");
  expect(stores.on("zen5"), 4, "stores");
  expect(stores.on("spr"), 4, "p49");
  expect(stores.on("avx512"), 4, "p4");
}

TEST(X86Model, AMemoryOperandSharesItsInstructionsPlace) {
  Body body = fma_chains(8, 1);
  for (Inst& i : body.insts) {
    i.b = Reg::none;
    i.mem = body.memory();
    i.mem.broadcast = true;
  }
  const Prediction p = body.on("zen4");
  EXPECT_EQ(p.uses[p.uses.size() - 2].name, "front end");
  EXPECT_EQ(p.uses[p.uses.size() - 2].work, 8);
  EXPECT_EQ(p.uses[1].name, "vector loads");
  EXPECT_EQ(p.uses[1].cycles, 4) << "a broadcast takes one load port for one cycle";
}

TEST(X86Model, ACopyTakesAPlaceInTheFrontEndAlone) {
  Body body;
  const Reg a = body.zmm();
  body.push(VOp::fma, body.zmm(), a, a, a);
  body.push(VOp::vmov, a, a);
  const Prediction p = body.on("spr");
  EXPECT_EQ(p.uses[p.uses.size() - 2].work, 2)
      << "the FMA overwrites none of its operands; a move to itself is nothing";
  EXPECT_EQ(p.uses[0].work, 1);
}

TEST(X86Model, ASpilledSumIsCarriedThroughItsSlot) {
  Body body = fma_chains(1, 1);
  const Reg sum = body.insts[0].dst;
  Mem slot;
  slot.kind = MemKind::slot;
  Inst load;
  load.op = VOp::load;
  load.dst = sum;
  load.mem = slot;
  body.insts.insert(body.insts.begin(), load);
  body.push(VOp::store, Reg::none, sum).mem = slot;
  body.allocation.slots[static_cast<size_t>(Class::zmm)] = 1;
  expect(body.on("zen4"), 4 + core_of("zen4").forward_latency, "chain");
}

TEST(X86Model, TheFrontEndLimitsCheapInstructions) {
  Body body;
  for (int i = 0; i < 24; ++i) body.push(VOp::zero, body.zmm());
  expect(body.on("zen4"), 4, "front end");
  expect(body.on("zen5"), 3, "front end");
  expect(body.on("avx512"), 6, "front end");
}

}  // namespace
}  // namespace tilejit::x86
