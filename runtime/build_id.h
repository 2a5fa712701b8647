// What identifies this build of tilejit: the GNU build-id of the library or executable that this code lies in.
#pragma once

#include <string>

namespace tilejit {

/// Hex digits of the build-id note; where the linker wrote none, "version-" and the library's version.
const std::string& build_id();

}  // namespace tilejit
