// What TILEJIT_VERBOSE asks to be told on stderr: words joined by commas. `dispatch`: for each Linear its problem, target,
// device, schedules and where they come from, and compile times; for a refusal the unmet condition.
#pragma once

#include <cstdint>
#include <string_view>

namespace tilejit {

enum class Topic : uint8_t { dispatch };

/// Whether the variable names the topic now. Words that it does not know are named once for each process.
bool is_told(Topic topic);
/// Whether `words` name the topic; `unknown`, which may be null, gets the first word that is no topic.
bool names_topic(std::string_view words, Topic topic, std::string_view* unknown);

}  // namespace tilejit
