// GDB's JIT interface: with TILEJIT_GDB=1 every kernel is announced to a debugger as an in-memory ELF file with one symbol,
// so that `bt`, `disassemble` and `break tilejit:...` know it. https://sourceware.org/gdb/current/onlinedocs/gdb/JIT-Interface.html
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace tilejit {

/// Announces code for as long as the object lives, when TILEJIT_GDB is `1`; else it does nothing.
class GdbSymbol {
 public:
  GdbSymbol();
  GdbSymbol(std::span<const std::byte> code, std::string_view symbol);
  GdbSymbol(GdbSymbol&& other) noexcept;
  GdbSymbol& operator=(GdbSymbol&& other) noexcept;
  ~GdbSymbol();

 private:
  struct Entry;
  std::unique_ptr<Entry> entry_;  // on the heap: the debugger holds its address
};

/// The ELF file: a function symbol over a .text section without contents at the code's address.
std::vector<std::byte> debug_elf(std::span<const std::byte> code, std::string_view symbol);

}  // namespace tilejit
