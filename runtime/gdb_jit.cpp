#include "runtime/gdb_jit.h"

#include <elf.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>

// The names, layout and the breakpoint function are GDB's protocol. They are weak because any JIT in the process may define
// them too; all of those share one list.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {
struct jit_code_entry {
  jit_code_entry* next;
  jit_code_entry* prev;
  const char* symfile_addr;
  uint64_t symfile_size;
};
struct jit_descriptor {
  uint32_t version;
  uint32_t action;
  jit_code_entry* relevant_entry;
  jit_code_entry* first_entry;
};
extern jit_descriptor __jit_debug_descriptor;
__attribute__((weak)) jit_descriptor __jit_debug_descriptor = {1, 0, nullptr, nullptr};
void __jit_debug_register_code();
__attribute__((weak, noinline)) void __jit_debug_register_code() { asm volatile("" ::: "memory"); }
}
// NOLINTEND(bugprone-reserved-identifier)

namespace tilejit {
namespace {

/// Sections in file order; the names' offsets count in `section_names`.
constexpr std::string_view section_names{"\0.text\0.symtab\0.strtab\0", 23};
enum Section : uint16_t { none, text, symbols, strings, section_count };

enum Action : uint32_t { action_register = 1, action_unregister = 2 };

template <typename T>
void put(std::vector<std::byte>& file, size_t at, const T& value) {
  std::memcpy(&file[at], &value, sizeof(value));
}

Elf64_Ehdr make_header(size_t sections_at) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_EXEC;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_shoff = sections_at;
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = section_count;
  header.e_shstrndx = strings;
  return header;
}

}  // namespace

std::vector<std::byte> debug_elf(std::span<const std::byte> code, std::string_view symbol) {
  std::string names(section_names);
  const auto symbol_name = static_cast<uint32_t>(names.size());
  names.append(symbol).push_back('\0');

  constexpr size_t sections_at = sizeof(Elf64_Ehdr);
  constexpr size_t symbols_at = sections_at + section_count * sizeof(Elf64_Shdr);
  constexpr size_t strings_at = symbols_at + 2 * sizeof(Elf64_Sym);
  const auto address = reinterpret_cast<Elf64_Addr>(code.data());

  std::array<Elf64_Shdr, section_count> sections{};
  sections[text] = {.sh_name = 1,
                    .sh_type = SHT_NOBITS,
                    .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
                    .sh_addr = address,
                    .sh_offset = 0,
                    .sh_size = code.size(),
                    .sh_link = 0,
                    .sh_info = 0,
                    .sh_addralign = 64,
                    .sh_entsize = 0};
  sections[symbols] = {.sh_name = 7,
                       .sh_type = SHT_SYMTAB,
                       .sh_flags = 0,
                       .sh_addr = 0,
                       .sh_offset = symbols_at,
                       .sh_size = 2 * sizeof(Elf64_Sym),
                       .sh_link = strings,
                       .sh_info = 1,
                       .sh_addralign = 8,
                       .sh_entsize = sizeof(Elf64_Sym)};
  sections[strings] = {.sh_name = 15,
                       .sh_type = SHT_STRTAB,
                       .sh_flags = 0,
                       .sh_addr = 0,
                       .sh_offset = strings_at,
                       .sh_size = names.size(),
                       .sh_link = 0,
                       .sh_info = 0,
                       .sh_addralign = 1,
                       .sh_entsize = 0};
  std::array<Elf64_Sym, 2> table{};
  table[1] = {.st_name = symbol_name,
              .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
              .st_other = 0,
              .st_shndx = text,
              .st_value = address,
              .st_size = code.size()};

  std::vector<std::byte> file(strings_at + names.size());
  put(file, 0, make_header(sections_at));
  put(file, sections_at, sections);
  put(file, symbols_at, table);
  std::memcpy(&file[strings_at], names.data(), names.size());
  return file;
}

struct GdbSymbol::Entry {
  std::vector<std::byte> elf;
  jit_code_entry link{};
};

namespace {

std::mutex list_mutex;

/// Stops in the debugger's breakpoint, where it reads what changed.
void notify(jit_code_entry& entry, Action action) {
  __jit_debug_descriptor.relevant_entry = &entry;
  __jit_debug_descriptor.action = action;
  __jit_debug_register_code();
}

}  // namespace

GdbSymbol::GdbSymbol() = default;
GdbSymbol::GdbSymbol(GdbSymbol&& other) noexcept = default;

GdbSymbol& GdbSymbol::operator=(GdbSymbol&& other) noexcept {
  std::swap(entry_, other.entry_);
  return *this;
}

GdbSymbol::GdbSymbol(std::span<const std::byte> code, std::string_view symbol) {
  const char* setting = std::getenv("TILEJIT_GDB");
  if (setting == nullptr || std::string_view(setting) != "1") return;
  entry_ = std::make_unique<Entry>();
  entry_->elf = debug_elf(code, symbol);
  const std::lock_guard lock(list_mutex);
  jit_code_entry& link = entry_->link;
  link = {.next = __jit_debug_descriptor.first_entry,
          .prev = nullptr,
          .symfile_addr = reinterpret_cast<const char*>(entry_->elf.data()),
          .symfile_size = entry_->elf.size()};
  if (link.next != nullptr) link.next->prev = &link;
  __jit_debug_descriptor.first_entry = &link;
  notify(link, action_register);
}

GdbSymbol::~GdbSymbol() {
  if (!entry_) return;
  const std::lock_guard lock(list_mutex);
  jit_code_entry& link = entry_->link;
  (link.prev != nullptr ? link.prev->next : __jit_debug_descriptor.first_entry) = link.next;
  if (link.next != nullptr) link.next->prev = link.prev;
  notify(link, action_unregister);
}

}  // namespace tilejit
