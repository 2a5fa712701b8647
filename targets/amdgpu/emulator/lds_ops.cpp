// LDS instructions. Operands in the order in which they are bound: data, address, second data.
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "targets/amdgpu/emulator/general_row.h"
#include "targets/amdgpu/emulator/machine.h"
#include "targets/amdgpu/emulator/memory_row.h"
#include "targets/amdgpu/emulator/transfer.h"

namespace tilejit::amdgpu::emulator {
namespace {

struct Accesses {
  std::array<uint32_t, most_lanes> address;
  uint64_t active = 0;
};

/// LDS bytes that a load from memory, which this wave issued, has yet to bring.
bool comes_later(const Wave& w, uint32_t address, uint32_t bytes) {
  bool found = false;
  w.waits.each_touch([&](const LdsTouch& touch) {
    if (!touch.from_memory) return;
    for (size_t n = 0; n < touch.count; ++n)
      found |= address < touch.address[n] + touch.bytes && touch.address[n] < address + bytes;
  });
  return found;
}

void move_all(Wave& w, const Instr& i, const Accesses& accesses, const Operand& data, LdsTouch& touch) {
  const MemoryRow& row = *i.memory;
  const uint32_t bytes = row.transfer.bytes;
  const uint32_t alignment = std::bit_ceil(bytes);
  std::array<uint8_t, 16> room = {};
  for (uint64_t left = accesses.active; left != 0; left &= left - 1) {
    const auto lane = static_cast<size_t>(std::countr_zero(left));
    const uint32_t at = accesses.address[lane];
    if (at % alignment != 0)
      w.report(ReportKind::misaligned, fmt::format("LDS address {} is no multiple of {}", at, alignment));
    if (w.loads_to_lds && comes_later(w, at, bytes)) report_lds(w, LdsFault::in_flight, at, bytes);
    touch.address[touch.count++] = at;
    if (row.direction == Direction::store) {
      get_lane(w, row.transfer, data, lane, room.data());
      report_lds(w, w.machine->lds.write(at, bytes, room.data(), w.epoch), at, bytes);
    } else {
      room = {};
      report_lds(w, w.machine->lds.read(at, bytes, room.data(), w.epoch), at, bytes);
      put_lane(w, row.transfer, data, lane, room.data());
    }
  }
  Counts& counts = w.machine->counts;
  const uint64_t moved = uint64_t{bytes} * static_cast<uint64_t>(std::popcount(accesses.active));
  (row.direction == Direction::store ? counts.lds_bytes_written : counts.lds_bytes_read) += moved;
  counts.lds_conflicts += bank_conflicts(accesses.address.data(), accesses.active, w.lanes, bytes,
                                         static_cast<uint32_t>(w.machine->program->row->lds_banks));
}

/// Moves lanes through the LDS's crossbar, which needs no memory.
void permute(Wave& w, const Instr& i, const Lanes& result, uint64_t lanes) {
  const Operand& to = i.operand[0];
  for (uint64_t left = lanes; left != 0; left &= left - 1) {
    const auto lane = static_cast<size_t>(std::countr_zero(left));
    w.vgpr[to.first][lane] = result[lane];
  }
  w.vgpr_written[to.first].low |= lanes;
  w.vgpr_written[to.first].high |= lanes;
  w.waits.add(Counter::lgkm, {Stream::lds, {i.writes[0]}, -1});
}

uint32_t swizzled(uint32_t lane, uint32_t offset) {
  if ((offset & 0x8000) != 0) {
    if ((offset & 0xe000) == 0xc000) {  // rotate within 32 lanes
      const uint32_t by = (offset >> 5) & 31;
      const uint32_t kept = offset & 31;
      const uint32_t turned = (offset >> 10 & 1) != 0 ? lane + 32 - by : lane + by;
      return (lane & kept) | (turned & 31 & ~kept) | (lane & 32);
    }
    return (lane & ~3U) | ((offset >> (2 * (lane & 3))) & 3);
  }
  const uint32_t in_half = lane & 31;
  return (((in_half & (offset & 31)) | ((offset >> 5) & 31)) ^ ((offset >> 10) & 31)) | (lane & 32);
}

void swizzle(Wave& w, const Instr& i) {
  const uint64_t exec = w.exec();
  Lanes result = {};
  for (uint32_t lane = 0; lane < static_cast<uint32_t>(w.lanes); ++lane) {
    const uint32_t from = swizzled(lane, i.encoding & 0xffff);
    if (((exec >> from) & 1) != 0) result[lane] = w.vgpr[i.operand[1].first][from];
  }
  permute(w, i, result, exec);
}

/// Each lane reads the one that its address names; of a disabled lane, 0.
void permute_backward(Wave& w, const Instr& i) {
  const uint64_t exec = w.exec();
  Lanes result = {};
  for (size_t lane = 0; lane < static_cast<size_t>(w.lanes); ++lane) {
    const uint32_t at = w.vgpr[i.operand[1].first][lane] + static_cast<uint32_t>(i.modifiers.offset);
    const size_t from = (at / 4) & static_cast<uint32_t>(w.lanes - 1);
    if (((exec >> from) & 1) != 0) result[lane] = w.vgpr[i.operand[2].first][from];
  }
  permute(w, i, result, exec);
}

/// Each lane writes to the one that its address names; the highest lane wins, and what none writes is 0.
void permute_forward(Wave& w, const Instr& i) {
  const uint64_t exec = w.exec();
  Lanes result = {};
  for (size_t lane = 0; lane < static_cast<size_t>(w.lanes); ++lane) {
    if (((exec >> lane) & 1) == 0) continue;
    const uint32_t at = w.vgpr[i.operand[1].first][lane] + static_cast<uint32_t>(i.modifiers.offset);
    result[(at / 4) & static_cast<uint32_t>(w.lanes - 1)] = w.vgpr[i.operand[2].first][lane];
  }
  permute(w, i, result, exec);
}

constexpr GeneralRow crossbar[] = {
    {"ds_swizzle_b32", swizzle, Class::lds, 2, 1, general_flag::none, {1, 1}},
    {"ds_bpermute_b32", permute_backward, Class::lds, 3, 1, general_flag::none, {1, 1, 1}},
    {"ds_permute_b32", permute_forward, Class::lds, 3, 1, general_flag::none, {1, 1, 1}},
};

}  // namespace

void run_lds(Wave& w, const Instr& i) {
  const MemoryRow& row = *i.memory;
  Accesses accesses;
  accesses.active = w.exec();
  const int32_t place = w.waits.add_touch();
  LdsTouch& touch = w.waits.touch(place);
  touch.bytes = row.transfer.bytes;
  touch.writes = row.direction == Direction::store;
  touch.from_memory = false;
  const Lanes base = w.vgpr[i.operand[1].first];  // a load may overwrite it
  Operand data = i.operand[0];
  for (int n = 0; n < row.accesses; ++n) {
    const auto offset = static_cast<uint32_t>((n == 0 ? i.modifiers.offset : i.modifiers.offset1) * row.stride);
    for (size_t lane = 0; lane < most_lanes; ++lane) accesses.address[lane] = base[lane] + offset;
    if (n == 1 && row.direction == Direction::store) data = i.operand[2];
    move_all(w, i, accesses, data, touch);
    data.first = static_cast<uint16_t>(data.first + row.transfer.bytes / 4);
  }
  Event event;
  event.stream = Stream::lds;
  event.touch = place;
  if (i.write_ranges > 0) event.writes[0] = i.writes[0];
  w.waits.add(Counter::lgkm, event);
}

/// Of 16 lanes, half n of lane l's result is half l % 4 of what lane l / 4 + 4 * n reads.
void run_lds_transposed(Wave& w, const Instr& i) {
  const uint64_t exec = w.exec();
  for (int first = 0; first < w.lanes; first += 16)
    if (const uint64_t group = exec >> first & 0xffff; group != 0 && group != 0xffff)
      w.report(ReportKind::undefined, "transposes with some of 16 lanes disabled");
  run_lds(w, i);
  const size_t to = i.operand[0].first;
  const std::array<Lanes, 2> read = {w.vgpr[to], w.vgpr[to + 1]};
  for (uint64_t left = exec; left != 0; left &= left - 1) {
    const auto lane = static_cast<size_t>(std::countr_zero(left));
    for (size_t n = 0; n < 4; ++n) {
      const size_t from = (lane & ~size_t{15}) + lane % 16 / 4 + 4 * n;
      const uint32_t half = read[lane % 4 / 2][from] >> (lane % 2 * 16) & 0xffff;
      uint32_t& word = w.vgpr[to + n / 2][lane];
      word = n % 2 == 0 ? half : word | half << 16;
    }
  }
}

std::span<const GeneralRow> crossbar_rows() { return crossbar; }

}  // namespace tilejit::amdgpu::emulator
