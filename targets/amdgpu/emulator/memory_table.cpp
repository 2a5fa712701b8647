// The names of memory instructions: prefix and transfer, in CDNA's words (dwordx2) and in RDNA's (b64).
#include <string>
#include <unordered_map>

#include "targets/amdgpu/emulator/memory_row.h"

namespace tilejit::amdgpu::emulator {
namespace {

constexpr Transfer vector_loads[] = {
    {"dword", 4},
    {"dwordx2", 8},
    {"dwordx3", 12},
    {"dwordx4", 16},
    {"ubyte", 1},
    {"sbyte", 1, true},
    {"ushort", 2},
    {"sshort", 2, true},
    {"short_d16", 2, false, Half::low},
    {"short_d16_hi", 2, false, Half::high},
    {"ubyte_d16", 1, false, Half::low},
    {"ubyte_d16_hi", 1, false, Half::high},
    {"sbyte_d16", 1, true, Half::low},
    {"sbyte_d16_hi", 1, true, Half::high},
    {"b32", 4},
    {"b64", 8},
    {"b96", 12},
    {"b128", 16},
    {"u8", 1},
    {"i8", 1, true},
    {"u16", 2},
    {"i16", 2, true},
    {"d16_b16", 2, false, Half::low},
    {"d16_hi_b16", 2, false, Half::high},
    {"d16_u8", 1, false, Half::low},
    {"d16_hi_u8", 1, false, Half::high},
    {"d16_i8", 1, true, Half::low},
    {"d16_hi_i8", 1, true, Half::high},
    {"u16_d16", 2, false, Half::low},  // the LDS's order of the words
    {"u16_d16_hi", 2, false, Half::high},
    {"u8_d16", 1, false, Half::low},
    {"u8_d16_hi", 1, false, Half::high},
    {"i8_d16", 1, true, Half::low},
    {"i8_d16_hi", 1, true, Half::high},
};
constexpr Transfer vector_stores[] = {
    {"dword", 4},
    {"dwordx2", 8},
    {"dwordx3", 12},
    {"dwordx4", 16},
    {"byte", 1},
    {"short", 2},
    {"byte_d16_hi", 1, false, Half::high},
    {"short_d16_hi", 2, false, Half::high},
    {"b32", 4},
    {"b64", 8},
    {"b96", 12},
    {"b128", 16},
    {"b8", 1},
    {"b16", 2},
    {"d16_hi_b8", 1, false, Half::high},
    {"d16_hi_b16", 2, false, Half::high},
    {"b8_d16_hi", 1, false, Half::high},
    {"b16_d16_hi", 2, false, Half::high},
};
constexpr Transfer to_lds[] = {
    {"dword", 4},       {"dwordx3", 12}, {"dwordx4", 16},     {"ubyte", 1},
    {"sbyte", 1, true}, {"ushort", 2},   {"sshort", 2, true}, {"b32", 4},
};
constexpr Transfer scalar_loads[] = {
    {"dword", 4}, {"dwordx2", 8}, {"dwordx4", 16}, {"dwordx8", 32}, {"dwordx16", 64},
    {"b32", 4},   {"b64", 8},     {"b96", 12},     {"b128", 16},    {"b256", 32},
    {"b512", 64}, {"u8", 1},      {"i8", 1, true}, {"u16", 2},      {"i16", 2, true},
};

using Table = std::unordered_map<std::string, MemoryRow>;

void add(Table& table, const std::string& prefix, const Transfer& transfer, Space space, Direction direction, Run run) {
  MemoryRow row;
  row.space = space;
  row.direction = direction;
  row.transfer = transfer;
  row.run = run;
  table[prefix + std::string(transfer.name)] = row;
}

void add_lds(Table& table) {
  for (const auto& [load, store] : {std::pair("ds_read_", "ds_write_"), std::pair("ds_load_", "ds_store_")}) {
    for (const Transfer& t : vector_loads) add(table, load, t, Space::lds, Direction::load, run_lds);
    for (const Transfer& t : vector_stores) add(table, store, t, Space::lds, Direction::store, run_lds);
  }
  // CDNA 4's other transposed reads (of 4, 6 and 8 bits) are not here: nothing published and checked on hardware defines them.
  add(table, "ds_read_b64_tr_b16", {"", 8}, Space::lds, Direction::load, run_lds_transposed);
  const auto pair_of = [&](const std::string& name, Direction direction, uint8_t bytes, uint16_t stride) {
    add(table, name, {"", bytes}, Space::lds, direction, run_lds);
    table[name].accesses = 2;
    table[name].stride = stride;
  };
  for (const uint8_t bytes : {uint8_t{4}, uint8_t{8}}) {
    const std::string size = bytes == 4 ? "b32" : "b64";
    const auto far = static_cast<uint16_t>(64 * bytes);
    pair_of("ds_read2_" + size, Direction::load, bytes, bytes);
    pair_of("ds_read2st64_" + size, Direction::load, bytes, far);
    pair_of("ds_load_2addr_" + size, Direction::load, bytes, bytes);
    pair_of("ds_load_2addr_stride64_" + size, Direction::load, bytes, far);
    pair_of("ds_write2_" + size, Direction::store, bytes, bytes);
    pair_of("ds_write2st64_" + size, Direction::store, bytes, far);
    pair_of("ds_store_2addr_" + size, Direction::store, bytes, bytes);
    pair_of("ds_store_2addr_stride64_" + size, Direction::store, bytes, far);
  }
}

Table make_table() {
  Table table;
  struct Form {
    const char* name;
    Space space;
    Run run;
  };
  for (const Form& form : {Form{"global", Space::global, run_global}, Form{"flat", Space::flat, run_global},
                           Form{"scratch", Space::scratch, run_global}, Form{"buffer", Space::buffer, run_buffer}}) {
    const std::string prefix = form.name;
    for (const Transfer& t : vector_loads) add(table, prefix + "_load_", t, form.space, Direction::load, form.run);
    for (const Transfer& t : vector_stores) add(table, prefix + "_store_", t, form.space, Direction::store, form.run);
  }
  for (const Transfer& t : to_lds) add(table, "global_load_lds_", t, Space::global, Direction::load_to_lds, run_global);
  for (const Transfer& t : scalar_loads) {
    add(table, "s_load_", t, Space::scalar, Direction::load, run_scalar_load);
    add(table, "s_buffer_load_", t, Space::scalar_buffer, Direction::load, run_scalar_load);
  }
  add_lds(table);
  return table;
}

}  // namespace

const MemoryRow* find_memory(std::string_view mnemonic) {
  static const Table table = make_table();
  const auto found = table.find(std::string(mnemonic));
  return found == table.end() ? nullptr : &found->second;
}

}  // namespace tilejit::amdgpu::emulator
