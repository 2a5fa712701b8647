#include "tools/tune/request.h"

#include <algorithm>

#include "runtime/tuned.h"

namespace tilejit::tune {

Result<std::vector<Group>> group_problems(const std::vector<std::string>& lines, const std::vector<int64_t>& m,
                                          const TargetFacts& target) {
  std::vector<Group> groups;
  for (const std::string& line : lines) {
    const Problem asked = TRY(parse_problem(line));
    const Problem problem = TRY(resolve(asked, target));
    const std::string key = tuned_key(problem, target);
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& g) { return g.key == key; });
    if (group == groups.end()) group = groups.insert(group, {.key = key, .problem = problem, .m = {}});
    if (asked.m == Problem::any_m)
      group->m.insert(group->m.end(), m.begin(), m.end());
    else
      group->m.push_back(asked.m);
  }
  for (Group& group : groups) {
    group.problem.m = Problem::any_m;
    std::sort(group.m.begin(), group.m.end());
    group.m.erase(std::unique(group.m.begin(), group.m.end()), group.m.end());
  }
  return groups;
}

}  // namespace tilejit::tune
