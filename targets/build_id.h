// What identifies a build of a library or executable: the GNU build-id note that its linker wrote.
#pragma once

#include <string>

namespace tilejit {

/// Hex digits of the build-id of what the code or data at `address` lies in; empty where it has none.
std::string build_id_of(const void* address);

}  // namespace tilejit
