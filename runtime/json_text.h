// JSON from untrusted files: one parser for safetensors headers and configuration files. Duplicate keys and deep nesting are
// errors, because readers disagree on what they mean; nothing throws.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace tilejit {

/// Objects keep the order of the file: the first matching rule of a configuration wins.
using Json = nlohmann::ordered_json;
/// Objects with logarithmic look-up: for headers with thousands of tensors.
using SortedJson = nlohmann::json;

/// `invalid` naming `where`, the byte and what is wrong. The root is an object.
template <typename J>
Result<J> parse_json(std::string_view text, const std::string& where, int max_depth);

/// The value when `json` is an integer that fits; a float or a string is none.
template <typename J>
std::optional<int64_t> integer_of(const J& json) {
  if (json.is_number_unsigned() && json.template get<uint64_t>() > uint64_t{INT64_MAX}) return std::nullopt;
  return json.is_number_integer() ? std::optional(json.template get<int64_t>()) : std::nullopt;
}

/// The member of an object, or null when `json` is no object, has no such member, or it is JSON's null.
const Json* find(const Json& json, std::string_view key);

/// Members by type, for configurations: a member of another type is `invalid`, naming its key, its value and the type.
/// `optional` and pointers are empty, and `fallback` is given, when the member is absent or JSON's null.
Result<std::string> text_of(const Json& json, std::string_view key, std::string_view fallback);
Result<std::optional<bool>> truth_of(const Json& json, std::string_view key);
Result<std::optional<int64_t>> integer_of(const Json& json, std::string_view key);
Result<const Json*> object_of(const Json& json, std::string_view key);
Result<const Json*> array_of(const Json& json, std::string_view key);
/// The error of those above, for members whose type is checked elsewhere.
Error wrong_type(std::string_view key, const Json& value, std::string_view expected);

}  // namespace tilejit
