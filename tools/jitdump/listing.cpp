#include "tools/jitdump/listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <vector>

#include "targets/disassemble/disassemble.h"
#include "tools/report/table.h"

namespace tilejit::jitdump {
namespace {

constexpr size_t bytes_a_row = 16;

std::string hex(std::span<const uint8_t> bytes) {
  std::string text;
  for (const uint8_t byte : bytes) text += fmt::format("{}{:02x}", text.empty() ? "" : " ", byte);
  return text;
}

std::string hex_rows(std::span<const uint8_t> bytes, int64_t offset) {
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += bytes_a_row) {
    const auto row = bytes.subspan(at, std::min(bytes_a_row, bytes.size() - at));
    text += fmt::format("{:8x}: {}\n", offset + static_cast<int64_t>(at), hex(row));
  }
  return text;
}

/// Comments for the loops that end before or begin at an offset.
std::string loop_marks(const Resources& resources, int64_t offset) {
  std::string text;
  for (auto loop = resources.loops.rbegin(); loop != resources.loops.rend(); ++loop)  // inner loops end first
    if (loop->last_byte == offset) text += fmt::format("{:>8}  // end of loop %{}\n", "", loop->name);
  for (const LoopResources& loop : resources.loops)
    if (loop.first_byte == offset)
      text += fmt::format("{:>8}  // loop %{}, depth {}: {} instructions, {} spill loads, {} spill stores\n", "",
                          loop.name, loop.depth, loop.instructions, loop.spill_loads, loop.spill_stores);
  return text;
}

std::span<const uint8_t> instructions(const Code& code) {
  return std::span(code.bytes).first(static_cast<size_t>(code.constants_offset));
}

/// Code objects are ELF files; code of a CPU starts with an instruction.
bool is_gpu(const Code& code) {
  constexpr uint8_t magic[] = {0x7f, 'E', 'L', 'F'};
  return code.bytes.size() > sizeof magic && std::equal(std::begin(magic), std::end(magic), code.bytes.begin());
}

std::string registers_text(const Code& code) {
  const Resources& r = code.resources;
  if (is_gpu(code))
    return fmt::format(
        "registers: {} VGPRs (of them {} AGPRs), {} SGPRs; waves per SIMD: {}\n"
        "LDS: {} bytes, private memory: {} bytes a lane\n",
        r.vector_registers, r.accumulator_registers, r.general_registers, r.waves_per_simd, r.shared_bytes,
        r.private_bytes);
  return fmt::format("registers: {} vector, {} general, {} mask\n", r.vector_registers, r.general_registers,
                     r.mask_registers);
}

}  // namespace

Result<std::string> asm_text(const Code& code) {
  if (!code.listing.empty()) return code.listing;
  if (code.bytes.empty()) return std::string("no machine code: the interpreter runs this kernel\n");
  std::string text;
  auto listing = disassemble_x86(instructions(code));
  if (!listing && listing.error().kind != ErrorKind::unsupported) return listing.error();
  if (!listing) {
    text = "// " + listing.error().message + "\n" + hex_rows(instructions(code), 0);
  } else {
    for (const DisassembledInstr& instr : *listing)
      text += loop_marks(code.resources, instr.offset) +
              fmt::format("{:8x}: {:<33} {}\n", instr.offset, hex(instr.bytes), instr.text);
  }
  const auto constants = std::span(code.bytes).subspan(static_cast<size_t>(code.constants_offset));
  if (!constants.empty()) text += fmt::format("{:>8}  // constants\n", "") + hex_rows(constants, code.constants_offset);
  return text;
}

std::string resources_text(const Code& code) {
  const Resources& r = code.resources;
  std::string text = registers_text(code) + fmt::format(
                                                "spills: {} slots, {} loads, {} stores\n"
                                                "code: {} bytes, constants: {} bytes, scratch: {} bytes\n",
                                                r.spill_slots, r.spill_loads, r.spill_stores, r.code_bytes,
                                                r.constant_bytes, code.scratch_bytes);
  if (r.loops.empty()) return text;
  report::Table table;
  table.add_column("loop", report::Align::left);
  for (const char* title : {"instructions", "spill loads", "spill stores", "code bytes", "vector bytes loaded",
                            "broadcast bytes loaded", "bytes stored"})
    table.add_column(title, report::Align::right);
  for (const LoopResources& loop : r.loops)
    table.add_row({std::string(static_cast<size_t>(2 * loop.depth), ' ') + "%" + loop.name,
                   std::to_string(loop.instructions), std::to_string(loop.spill_loads),
                   std::to_string(loop.spill_stores), std::to_string(loop.last_byte - loop.first_byte),
                   std::to_string(loop.traffic.vector_bytes), std::to_string(loop.traffic.broadcast_bytes),
                   std::to_string(loop.traffic.stored_bytes)});
  return text + table.text();
}

nlohmann::ordered_json resources_json(const Code& code) {
  const Resources& r = code.resources;
  nlohmann::ordered_json loops = nlohmann::ordered_json::array();
  for (const LoopResources& loop : r.loops)
    loops.push_back({{"name", loop.name},
                     {"depth", loop.depth},
                     {"instructions", loop.instructions},
                     {"spill_loads", loop.spill_loads},
                     {"spill_stores", loop.spill_stores},
                     {"bytes", loop.last_byte - loop.first_byte},
                     {"vector_bytes_loaded", loop.traffic.vector_bytes},
                     {"broadcast_bytes_loaded", loop.traffic.broadcast_bytes},
                     {"bytes_stored", loop.traffic.stored_bytes}});
  return {
      {"vector_registers", r.vector_registers},
      {"general_registers", r.general_registers},
      {"mask_registers", r.mask_registers},
      {"accumulator_registers", r.accumulator_registers},
      {"shared_bytes", r.shared_bytes},
      {"private_bytes", r.private_bytes},
      {"waves_per_simd", r.waves_per_simd == 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(r.waves_per_simd)},
      {"spill_slots", r.spill_slots},
      {"spill_loads", r.spill_loads},
      {"spill_stores", r.spill_stores},
      {"code_bytes", r.code_bytes},
      {"constant_bytes", r.constant_bytes},
      {"scratch_bytes", code.scratch_bytes},
      {"loops", loops}};
}

}  // namespace tilejit::jitdump
