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
/// The first of two spellings of one key that is there.
const Json* find(const Json& json, std::string_view key, std::string_view synonym);
/// The member's text, or `fallback` when it is absent or not a string.
std::string text_of(const Json& json, std::string_view key, std::string_view fallback);
/// The member's truth; none when it is absent or not a boolean.
std::optional<bool> truth_of(const Json& json, std::string_view key);

}  // namespace tilejit
