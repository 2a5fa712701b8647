// With sanitizers on, g++ 12 takes a union inside of <regex> for uninitialized.
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include "runtime/importers/name_match.h"

#include <fmt/format.h>

#include <cctype>
#include <regex>

namespace tilejit {

Result<bool> matches(const std::string& pattern, const std::string& name, Anchor anchor) {
  if (pattern.size() > 512 || pattern.find('{') != std::string::npos)
    return invalid(fmt::format("the pattern '{}' has over 512 characters or a counted repeat; write shorter ones",
                               pattern.substr(0, 80)));
  try {
    // The breadth-first matcher: the default one takes exponential time for some patterns.
    const std::regex expression(pattern, std::regex::ECMAScript | std::regex_constants::__polynomial);
    return std::regex_search(
        name, expression,
        anchor == Anchor::start ? std::regex_constants::match_continuous : std::regex_constants::match_default);
  } catch (const std::regex_error& e) {
    return invalid(fmt::format("the pattern '{}' is no regular expression: {}", pattern, e.what()));
  }
}

bool is_pattern(const std::string& text) {
  for (const char c : text)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.' && c != '_' && c != '-') return true;
  return false;
}

}  // namespace tilejit
