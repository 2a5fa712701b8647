// The floating-point mode that the interpreter and the emulators compute in: round to nearest even, subnormals kept.
#pragma once

#include <cstdint>

namespace tilejit::ir {

/// While it lives, f32 arithmetic has that mode, whatever the caller's MXCSR says.
class DefaultFloatMode {
 public:
  DefaultFloatMode();
  ~DefaultFloatMode();
  DefaultFloatMode(const DefaultFloatMode&) = delete;
  DefaultFloatMode& operator=(const DefaultFloatMode&) = delete;
  /// The caller's MXCSR.
  uint32_t saved() const { return saved_; }

 private:
  uint32_t saved_;
};

}  // namespace tilejit::ir
