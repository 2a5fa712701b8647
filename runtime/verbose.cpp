#include "runtime/verbose.h"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace tilejit {
namespace {

constexpr std::array<std::string_view, 1> topic_words{"dispatch"};

}  // namespace

bool names_topic(std::string_view words, Topic topic, std::string_view* unknown) {
  bool named = false;
  bool all_known = true;
  while (!words.empty()) {
    const std::string_view word = words.substr(0, words.find(','));
    words.remove_prefix(word.size() == words.size() ? word.size() : word.size() + 1);
    bool known = word.empty();
    for (const std::string_view each : topic_words) known = known || word == each;
    if (!known && all_known && unknown != nullptr) *unknown = word;
    all_known = all_known && known;
    named = named || word == topic_words[static_cast<size_t>(topic)];
  }
  return named;
}

bool is_told(Topic topic) {
  static std::atomic<bool> has_named_unknown = false;
  const char* setting = std::getenv("TILEJIT_VERBOSE");
  if (setting == nullptr) return false;
  std::string_view unknown;
  const bool told = names_topic(setting, topic, &unknown);
  if (!unknown.empty() && !has_named_unknown.exchange(true))
    fmt::print(stderr, "tilejit: TILEJIT_VERBOSE: the word '{}' is unknown; words are dispatch\n", unknown);
  return told;
}

}  // namespace tilejit
