// Scalar, global, flat, scratch and buffer memory. Operands of the vector forms, in the order in which they are bound: data,
// vector address, scalar base or resource, scalar offset.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "targets/amdgpu/emulator/machine.h"
#include "targets/amdgpu/emulator/memory_row.h"
#include "targets/amdgpu/emulator/transfer.h"

namespace tilejit::amdgpu::emulator {
namespace {

/// A buffer resource of the raw kind: byte offsets, num_records in bytes.
struct Buffer {
  uint64_t base = 0;
  uint64_t bytes = 0;
  bool is_scratch = false;
};

/// The last word of a resource: 32-bit floats as format, which untyped accesses ignore unless it is invalid, no swizzle, no lane
/// number added, bounds of raw buffers where they can be chosen.
constexpr uint32_t cdna_kind = 0x27000, rdna_kind = 0x31027000;

Buffer buffer_of(Wave& w, const Operand& o) {
  const uint32_t* words = &w.sgpr[o.first];
  const uint64_t base = words[0] | uint64_t{words[1]} << 32;
  if (base == scratch_base && words[3] == scratch_kind) return {0, words[2], true};
  const uint32_t kind = is_cdna(w.machine->program->row->family) ? cdna_kind : rdna_kind;
  if (words[1] >> 16 != 0)
    w.report(ReportKind::undefined, "a buffer with a stride or swizzled, which the emulator does not address");
  else if (words[3] != kind)
    w.report(
        ReportKind::undefined,
        fmt::format("a buffer resource that ends in {:#x}; the emulator addresses raw ones, {:#x}", words[3], kind));
  return {words[0] | uint64_t{words[1] & 0xffff} << 32, words[2]};
}

/// Which of `bytes` at `offset` the buffer has; the others read 0 and are not written.
uint32_t bytes_inside(Wave& w, const Buffer& buffer, uint64_t offset, uint32_t bytes) {
  if (offset >= buffer.bytes) return 0;
  const uint64_t left = buffer.bytes - offset;
  if (left >= bytes) return bytes;
  // Each word is checked by itself; one across the end differs between processors.
  if (left % 4 != 0)
    w.report(ReportKind::out_of_bounds, fmt::format("a word across the end of a buffer of {} bytes", buffer.bytes));
  return static_cast<uint32_t>(left & ~uint64_t{3});
}

void move_words(Wave& w, const Instr& i, size_t lane, uint64_t address, uint32_t inside) {
  const MemoryRow& row = *i.memory;
  std::array<uint8_t, 16> bytes = {};
  if (row.direction == Direction::store) {
    get_lane(w, row.transfer, i.operand[0], lane, bytes.data());
    if (inside == 0) return;
    if (uint8_t* to = w.machine->memory(w, address, inside, Access::read_write)) {
      std::memcpy(to, bytes.data(), inside);
      w.machine->counts.global_bytes_written += inside;
    }
    return;
  }
  if (inside != 0)
    if (const uint8_t* from = w.machine->memory(w, address, inside, Access::read)) {
      std::memcpy(bytes.data(), from, inside);
      w.machine->counts.global_bytes_read += inside;
    }
  put_lane(w, row.transfer, i.operand[0], lane, bytes.data());
}

/// Straight to the LDS: M0 and the instruction's offset say where lane 0's bytes go.
void move_to_lds(Wave& w, const Instr& i, size_t lane, uint64_t address, uint32_t inside, LdsTouch& touch) {
  std::array<uint8_t, 16> bytes = {};
  const uint32_t size = std::max<uint32_t>(i.memory->transfer.bytes, 4);
  if (inside != 0)
    if (const uint8_t* from = w.machine->memory(w, address, inside, Access::read)) {
      std::memcpy(bytes.data(), from, inside);
      w.machine->counts.global_bytes_read += inside;
    }
  const auto at = static_cast<uint32_t>(w.sgpr[scalar::m0] + static_cast<uint32_t>(i.modifiers.offset) + lane * size);
  report_lds(w, w.machine->lds.write(at, size, bytes.data(), w.epoch), at, size);
  w.machine->counts.lds_bytes_written += size;
  touch.address[touch.count++] = at;
  touch.bytes = static_cast<uint8_t>(size);
  touch.writes = true;
  touch.from_memory = true;
}

uint64_t global_address(const Wave& w, const Operand& vector, const Operand& scalar, size_t lane) {
  uint64_t address = scalar.kind == Kind::sgpr ? w.words(scalar) : 0;
  if (vector.kind == Kind::vgpr) {
    address += w.vgpr[vector.first][lane];
    if (vector.words == 2) address += uint64_t{w.vgpr[vector.first + 1U][lane]} << 32;
  }
  return address;
}

/// `at`: of the lane's own bytes.
void move_private(Wave& w, const Instr& i, size_t lane, uint64_t at) {
  const MemoryRow& row = *i.memory;
  std::array<uint8_t, 16> bytes = {};
  if (at > w.scratch_bytes || row.transfer.bytes > w.scratch_bytes - at) {
    w.report(ReportKind::out_of_bounds, fmt::format("scratch at {} of {} bytes", at, w.scratch_bytes));
    return;
  }
  uint8_t* memory = w.scratch.data() + lane * w.scratch_bytes + at;
  if (row.direction == Direction::store) {
    get_lane(w, row.transfer, i.operand[0], lane, bytes.data());
    std::memcpy(memory, bytes.data(), row.transfer.bytes);
  } else {
    std::memcpy(bytes.data(), memory, row.transfer.bytes);
    put_lane(w, row.transfer, i.operand[0], lane, bytes.data());
  }
}

void move_scratch(Wave& w, const Instr& i, size_t lane, const Operand& vector, const Operand& scalar) {
  const uint32_t base =
      (scalar.kind == Kind::sgpr ? w.word(scalar) : 0) + (vector.kind == Kind::vgpr ? w.vgpr[vector.first][lane] : 0);
  move_private(w, i, lane, base + static_cast<uint32_t>(i.modifiers.offset));
}

/// What is in flight from here on.
void add_event(Wave& w, const Instr& i, int32_t touch) {
  const MemoryRow& row = *i.memory;
  Event event;
  event.touch = touch;
  event.stream = row.space == Space::flat ? Stream::any_order : Stream::vector_memory;
  if (i.write_ranges > 0) event.writes[0] = i.writes[0];
  const bool has_store_counter = !is_cdna(w.machine->program->row->family);
  w.waits.add(row.direction == Direction::store && has_store_counter ? Counter::vs : Counter::vm, event);
  if (row.space == Space::flat) w.waits.add(Counter::lgkm, event);
}

}  // namespace

void run_scalar_load(Wave& w, const Instr& i) {
  const MemoryRow& row = *i.memory;
  const uint32_t bytes = row.transfer.bytes;
  const Operand& from = i.operand[1];
  int64_t offset = i.modifiers.offset;
  for (size_t n = 2; n < i.operands; ++n) {
    const Operand& o = i.operand[n];
    offset += o.kind == Kind::sgpr ? int64_t{w.word(o)} : o.kind == Kind::constant ? static_cast<int64_t>(o.value) : 0;
  }
  uint64_t address = w.words(from) + static_cast<uint64_t>(offset);
  std::array<uint32_t, 16> words = {};
  uint32_t inside = bytes;
  if (row.space == Space::scalar_buffer) {
    const Buffer buffer = buffer_of(w, from);
    address = buffer.base + static_cast<uint64_t>(offset);
    inside = bytes_inside(w, buffer, static_cast<uint64_t>(offset), bytes);
  }
  if (address % std::min<uint32_t>(bytes, 4) != 0)
    w.report(ReportKind::misaligned, fmt::format("a scalar load of {} bytes at {:#x}", bytes, address));
  if (inside != 0)
    if (const uint8_t* memory = w.machine->memory(w, address, inside, Access::read))
      std::memcpy(words.data(), memory, inside);
  if (bytes < 4 && row.transfer.sign_extends) {
    const int shift = 32 - 8 * static_cast<int>(bytes);
    words[0] = static_cast<uint32_t>(static_cast<int32_t>(words[0] << shift) >> shift);
  }
  w.machine->counts.scalar_bytes_read += inside;
  for (uint16_t n = 0; n < i.operand[0].words; ++n)
    w.set_scalar(static_cast<uint16_t>(i.operand[0].first + n), words[n]);
  const bool has_own_counter = w.machine->program->row->family == Family::rdna4;
  w.waits.add(has_own_counter ? Counter::km : Counter::lgkm, {Stream::any_order, {i.writes[0]}, -1});
}

void run_global(Wave& w, const Instr& i) {
  const MemoryRow& row = *i.memory;
  const uint64_t exec = w.exec();
  const Operand& vector = i.operand[1];
  const Operand& base = i.operand[2];
  const int32_t touch = row.direction == Direction::load_to_lds ? w.waits.add_touch() : -1;
  w.loads_to_lds |= touch >= 0;
  for (size_t lane = 0; lane < static_cast<size_t>(w.lanes); ++lane) {
    if (((exec >> lane) & 1) == 0) continue;
    if (row.space == Space::scratch) {
      move_scratch(w, i, lane, vector, base);
      continue;
    }
    const uint64_t address = global_address(w, vector, base, lane) + static_cast<uint64_t>(int64_t{i.modifiers.offset});
    if (touch >= 0)
      move_to_lds(w, i, lane, address, row.transfer.bytes, w.waits.touch(touch));
    else
      move_words(w, i, lane, address, row.transfer.bytes);
  }
  add_event(w, i, touch);
}

void run_buffer(Wave& w, const Instr& i) {
  const MemoryRow& row = *i.memory;
  const bool to_lds = i.modifiers.lds;
  const Operand& vector = i.operand[1];
  const Buffer buffer = buffer_of(w, i.operand[2]);
  const uint64_t scalar_offset = w.word(i.operand[3]);
  const uint64_t exec = w.exec();
  if (buffer.is_scratch && (scalar_offset != 0 || to_lds))
    w.report(ReportKind::undefined, "a form of access to scratch that the emulator does not know");
  const int32_t touch = to_lds ? w.waits.add_touch() : -1;
  w.loads_to_lds |= to_lds;
  for (size_t lane = 0; lane < static_cast<size_t>(w.lanes); ++lane) {
    if (((exec >> lane) & 1) == 0) continue;
    uint64_t offset = static_cast<uint64_t>(i.modifiers.offset);
    if (i.modifiers.offen && vector.kind == Kind::vgpr) offset += w.vgpr[vector.first][lane];
    if (buffer.is_scratch) {
      move_private(w, i, lane, offset);
      continue;
    }
    // The scalar offset counts: num_records - soffset is what hardware compares with.
    const uint32_t inside = bytes_inside(w, buffer, offset + scalar_offset, row.transfer.bytes);
    const uint64_t address = buffer.base + offset + scalar_offset;
    if (touch >= 0)
      move_to_lds(w, i, lane, address, inside, w.waits.touch(touch));
    else
      move_words(w, i, lane, address, inside);
  }
  add_event(w, i, touch);
}

}  // namespace tilejit::amdgpu::emulator
