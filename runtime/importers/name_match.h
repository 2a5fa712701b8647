// Layer names against the patterns of configuration files (Python regular expressions, read as ECMAScript).
#pragma once

#include <tilejit/result.h>

#include <string>

namespace tilejit {

enum class Anchor {
  start,     // Python's re.match: from the first character
  anywhere,  // Python's re.search
};

/// `invalid` when the pattern is longer than 512 characters, has counted repeats, or is no regular expression: these bounds
/// keep the matcher's memory and depth small for any file.
Result<bool> matches(const std::string& pattern, const std::string& name, Anchor anchor);

/// False when the text is a plain layer name, which only equality compares.
bool is_pattern(const std::string& text);

}  // namespace tilejit
