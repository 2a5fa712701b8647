// HIP without a GPU: the library that a distribution has loads and reports no device, and every refusal names its reason.
#include "runtime/hip.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include "runtime/gpu_program.h"
#include "targets/targets.h"

namespace tilejit {
namespace {

TEST(Hip, ALibraryThatIsNotThereIsNamed) {
  const auto library = hip::Library::open("/no/such/libamdhip64.so");
  ASSERT_FALSE(library);
  EXPECT_EQ(library.error().kind, ErrorKind::resource);
  EXPECT_NE(library.error().message.find("/no/such/libamdhip64.so"), std::string::npos);
}

TEST(Hip, ALibraryWithoutHipsFunctionsIsRefused) {
  const auto library = hip::Library::open("libm.so.6");
  ASSERT_FALSE(library);
  EXPECT_NE(library.error().message.find("libm.so.6 has no hipInit"), std::string::npos) << library.error().message;
}

TEST(Hip, DebiansLibraryReportsNoGpu) {
  const auto library = hip::Library::open("libamdhip64.so.5");
  if (!library) GTEST_SKIP() << "libamdhip64-5 is not installed: " << library.error().message;
  const auto gpus = library->gpus();
  if (gpus) GTEST_SKIP() << "this machine has a GPU: " << gpus->front().name;
  EXPECT_EQ(gpus.error().kind, ErrorKind::resource);
  EXPECT_NE(gpus.error().message.find("hipInit failed: hipErrorInvalidDevice (101)"), std::string::npos)
      << gpus.error().message;
}

TEST(Hip, ACpusTargetIsRefusedBeforeHipIsLoaded) {
  const auto place = find_gpu((*find_target("zen4"))->facts(), 0);
  ASSERT_FALSE(place);
  EXPECT_EQ(place.error().kind, ErrorKind::unsupported);
  EXPECT_NE(place.error().message.find("zen4 is a CPU's"), std::string::npos) << place.error().message;
}

}  // namespace
}  // namespace tilejit
