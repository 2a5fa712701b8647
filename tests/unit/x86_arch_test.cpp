// Which row a machine gets, and what a row needs of the machine.
#include <gtest/gtest.h>

#include <string>

#include "targets/targets.h"
#include "targets/x86/arch.h"

namespace tilejit::x86 {
namespace {

using namespace feature;

constexpr uint32_t full = base | vnni | bf16 | vbmi;

TEST(X86Arch, VendorAndFamilyDecideBeforeFeatures) {
  struct Row {
    Machine machine;
    const char* name;
  };
  const Row rows[] = {
      {{.features = full, .is_amd = true, .family = 0x19}, "zen4"},
      {{.features = full, .is_amd = true, .family = 0x1a}, "zen5"},
      {{.features = full, .is_intel = true, .family = 6}, "spr"},
      {{.features = base | vnni | vbmi, .is_intel = true, .family = 6}, "avx512_vnni"},
      {{.features = base, .is_intel = true, .family = 6}, "avx512"},
      {{.features = full, .family = 6}, "avx512_vnni"},
      {{.features = base | vnni, .is_amd = true, .family = 0x19}, "avx512_vnni"},
  };
  for (const Row& row : rows) {
    const Result<const CpuRow*> found = row_of(row.machine);
    ASSERT_TRUE(found.ok());
    EXPECT_EQ((*found)->facts.name, row.name);
    EXPECT_TRUE(can_execute(**found, row.machine).ok());
  }
  EXPECT_EQ(row_of({.is_amd = true, .family = 0x17}).error().kind, ErrorKind::unsupported);
}

TEST(X86Arch, AMissingFeatureIsNamed) {
  const CpuRow& zen4 = **row_of({.features = full, .is_amd = true, .family = 0x19});
  const Result<void> result = can_execute(zen4, {.features = base | vnni});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "target zen4 needs BF16, VBMI, which this machine lacks");
}

TEST(X86Arch, WhichDotIsFastIsAFactOfTheRow) {
  for (const char* name : {"zen4", "zen5"}) EXPECT_TRUE((*find_target(name))->facts().prefers_dot_bf16) << name;
  EXPECT_TRUE((*find_target("spr"))->facts().has_dot_bf16);
  EXPECT_FALSE((*find_target("spr"))->facts().prefers_dot_bf16);
  EXPECT_FALSE((*find_target("avx512_vnni"))->facts().has_dot_bf16);
  EXPECT_EQ((*find_target("spr"))->facts().l2_bytes, 2 << 20);
}

TEST(X86Arch, TargetsAreFoundByName) {
  const Result<const Target*> unknown = find_target("zen9");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().kind, ErrorKind::invalid);
  EXPECT_NE(unknown.error().message.find("zen4"), std::string::npos);
  for (const std::string& name : target_names()) EXPECT_EQ((*find_target(name))->facts().name, name);
  const Result<const Target*> host = find_target("host");
  EXPECT_TRUE(!host.ok() || (*host)->can_execute().ok());
}

}  // namespace
}  // namespace tilejit::x86
