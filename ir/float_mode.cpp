#include "ir/float_mode.h"

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace tilejit::ir {

#if defined(__SSE__)
DefaultFloatMode::DefaultFloatMode() : saved_(_mm_getcsr()) { _mm_setcsr(0x1F80); }
DefaultFloatMode::~DefaultFloatMode() { _mm_setcsr(saved_); }
#else
DefaultFloatMode::DefaultFloatMode() : saved_(0) {}
DefaultFloatMode::~DefaultFloatMode() = default;
#endif

}  // namespace tilejit::ir
