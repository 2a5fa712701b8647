// The table of all targets; the only place that names them.
#pragma once

#include <tilejit/result.h>

#include <string>
#include <string_view>
#include <vector>

#include "targets/target.h"

namespace tilejit {

/// `host` (the row of this machine's CPU), a row's name, or `ref`. Unknown names are `invalid` and list the known ones;
/// `host` on a CPU without AVX-512 is `unsupported`. Targets live as long as the process.
Result<const Target*> find_target(std::string_view name);
/// The names that find_target takes, `host` excluded.
std::vector<std::string> target_names();

}  // namespace tilejit
