#include "targets/targets.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#ifdef TILEJIT_AMDGPU
#include "targets/amdgpu/amdgpu_target.h"
#endif
#include "targets/ref/ref_target.h"
#include "targets/x86/x86_target.h"

namespace tilejit {
namespace {

const std::vector<const Target*>& all() {
  static const std::vector<const Target*> targets = [] {
    std::vector<const Target*> list = {&ref_target()};
    for (const auto& target : ref_matrix_targets()) list.push_back(target.get());
    for (const auto& target : x86_targets()) list.push_back(target.get());
#ifdef TILEJIT_AMDGPU
    for (const auto& target : amdgpu_targets()) list.push_back(target.get());
#endif
    return list;
  }();
  return targets;
}

}  // namespace

Result<const Target*> find_target(std::string_view name) {
  if (name == "host") return x86_host_target();
  for (const Target* target : all())
    if (target->facts().name == name) return target;
  return invalid(fmt::format("target `{}` is unknown; known: host, {}", name, fmt::join(target_names(), ", ")));
}

std::vector<std::string> target_names() {
  std::vector<std::string> names;
  for (const Target* target : all()) names.push_back(target->facts().name);
  return names;
}

}  // namespace tilejit
