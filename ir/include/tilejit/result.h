// Result<T>: a value, or an error with a kind and one line of text that says what, where, the value and what would work.
// No exception crosses the library's border. TRY(expression) unwraps the value or returns the error to the caller.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace tilejit {

enum class ErrorKind {
  invalid,      // the caller's text, file or argument is wrong
  unsupported,  // well-formed, but not by this target or schedule; another may do it
  resource,     // memory, registers, operating system, driver
};

/// The text spelling of a kind: "invalid", "unsupported", "resource".
const char* to_string(ErrorKind kind);

struct Error {
  ErrorKind kind;
  std::string message;
};

Error invalid(std::string message);
Error unsupported(std::string message);
Error resource(std::string message);

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  Error& error() { return std::get<1>(state_); }
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() noexcept : error_(std::nullopt) {}  // success writes one byte: it is what nearly every call returns
  Result(Error error) : error_(std::move(error)) {}

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  void value() const {}
  Error& error() { return *error_; }
  const Error& error() const { return *error_; }

 private:
  std::optional<Error> error_;
};

}  // namespace tilejit

// A statement expression, so that `auto x = TRY(f());` reads as a call.
#define TRY(...)                                                \
  __extension__({                                               \
    auto try_result = (__VA_ARGS__);                            \
    if (!try_result.ok()) return std::move(try_result).error(); \
    std::move(try_result).value();                              \
  })
