#include "runtime/json_text.h"

#include <fmt/format.h>

#include <set>
#include <stdexcept>
#include <vector>

namespace tilejit {

template <typename J>
Result<J> parse_json(std::string_view text, const std::string& where, int max_depth) {
  std::vector<std::set<std::string, std::less<>>> keys;  // of the objects that are open
  const auto watch = [&](int depth, typename J::parse_event_t event, J& parsed) {
    using Event = typename J::parse_event_t;
    if (depth >= max_depth && (event == Event::object_start || event == Event::array_start))
      throw std::runtime_error(fmt::format("nested deeper than {} levels", max_depth));
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key && !keys.back().insert(parsed.template get_ref<const std::string&>()).second)
      throw std::runtime_error(fmt::format("the key '{}' occurs twice", parsed.template get_ref<const std::string&>()));
    return true;
  };
  try {
    J root = J::parse(text.begin(), text.end(), watch);
    if (!root.is_object()) return invalid(fmt::format("{}: the JSON text is not an object", where));
    return root;
  } catch (const std::exception& e) { return invalid(fmt::format("{}: not the expected JSON: {}", where, e.what())); }
}

template Result<Json> parse_json<Json>(std::string_view, const std::string&, int);
template Result<SortedJson> parse_json<SortedJson>(std::string_view, const std::string&, int);

const Json* find(const Json& json, std::string_view key) {
  if (!json.is_object()) return nullptr;
  const auto found = json.find(std::string(key));
  return found == json.end() || found->is_null() ? nullptr : &*found;
}

Error wrong_type(std::string_view key, const Json& value, std::string_view expected) {
  constexpr size_t max_shown = 80;
  std::string text = value.dump();
  if (text.size() > max_shown) text = text.substr(0, max_shown) + "...";
  return invalid(fmt::format("{}={} is not {}", key, text, expected));
}

Result<std::string> text_of(const Json& json, std::string_view key, std::string_view fallback) {
  const Json* found = find(json, key);
  if (found == nullptr) return std::string(fallback);
  if (!found->is_string()) return wrong_type(key, *found, "a string");
  return found->get<std::string>();
}

Result<std::optional<bool>> truth_of(const Json& json, std::string_view key) {
  const Json* found = find(json, key);
  if (found == nullptr) return std::optional<bool>();
  if (!found->is_boolean()) return wrong_type(key, *found, "true or false");
  return std::optional(found->get<bool>());
}

Result<std::optional<int64_t>> integer_of(const Json& json, std::string_view key) {
  const Json* found = find(json, key);
  if (found == nullptr) return std::optional<int64_t>();
  const std::optional<int64_t> value = integer_of(*found);
  if (!value) return wrong_type(key, *found, "an integer");
  return value;
}

Result<const Json*> object_of(const Json& json, std::string_view key) {
  const Json* found = find(json, key);
  if (found != nullptr && !found->is_object()) return wrong_type(key, *found, "an object");
  return found;
}

Result<const Json*> array_of(const Json& json, std::string_view key) {
  const Json* found = find(json, key);
  if (found != nullptr && !found->is_array()) return wrong_type(key, *found, "an array");
  return found;
}

}  // namespace tilejit
