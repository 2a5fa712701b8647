#include "targets/build_id.h"

#include <elf.h>
#include <fmt/format.h>
#include <link.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace tilejit {
namespace {

struct Search {
  uintptr_t address;  // of code in the object looked for
  std::string hex;
};

size_t padded(size_t bytes) { return (bytes + 3) / 4 * 4; }

/// The build-id among the notes of one PT_NOTE segment; empty when it is not there.
std::string find_build_id(std::span<const std::byte> notes) {
  while (notes.size() >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) header;
    std::memcpy(&header, notes.data(), sizeof(header));
    const size_t name_at = sizeof(header);
    const size_t id_at = name_at + padded(header.n_namesz);
    const size_t end = id_at + padded(header.n_descsz);
    if (end > notes.size()) break;
    if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 && std::memcmp(&notes[name_at], "GNU", 4) == 0) {
      std::string hex;
      for (const std::byte b : notes.subspan(id_at, header.n_descsz)) hex += fmt::format("{:02x}", static_cast<int>(b));
      return hex;
    }
    notes = notes.subspan(end);
  }
  return {};
}

bool contains(const dl_phdr_info& object, uintptr_t address) {
  for (const ElfW(Phdr) & segment : std::span(object.dlpi_phdr, object.dlpi_phnum)) {
    const uintptr_t start = object.dlpi_addr + segment.p_vaddr;
    if (segment.p_type == PT_LOAD && address >= start && address < start + segment.p_memsz) return true;
  }
  return false;
}

int visit(dl_phdr_info* object, size_t, void* data) {
  auto& search = *static_cast<Search*>(data);
  if (!contains(*object, search.address)) return 0;
  for (const ElfW(Phdr) & segment : std::span(object->dlpi_phdr, object->dlpi_phnum)) {
    if (segment.p_type != PT_NOTE) continue;
    // The loader maps notes at this address.
    const auto* start = reinterpret_cast<const std::byte*>(object->dlpi_addr + segment.p_vaddr);
    search.hex = find_build_id({start, segment.p_memsz});
    if (!search.hex.empty()) break;
  }
  return 1;
}

}  // namespace

std::string build_id_of(const void* address) {
  Search search{.address = reinterpret_cast<uintptr_t>(address), .hex = {}};
  dl_iterate_phdr(visit, &search);
  return search.hex;
}

}  // namespace tilejit
