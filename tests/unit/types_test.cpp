// The table of types; conversions are in types_conversion_test.cpp.
#include <gtest/gtest.h>
#include <tilejit/types.h>

namespace tilejit {
namespace {

constexpr Type all[] = {Type::f32, Type::bf16, Type::f16, Type::i32,  Type::i16,
                        Type::i8,  Type::u8,   Type::u4,  Type::index};

TEST(Types, SpellingsReadBack) {
  for (Type type : all) EXPECT_EQ(parse_type(to_string(type)), type) << to_string(type);
  for (const char* text : {"", "f64", "F32", "f32 ", "u", "u44"}) EXPECT_EQ(parse_type(text), std::nullopt) << text;
}

TEST(Types, Sizes) {
  EXPECT_EQ(bits_of(Type::u4), 4);
  EXPECT_EQ(bits_of(Type::bf16), 16);
  EXPECT_EQ(bits_of(Type::index), 64);
  EXPECT_EQ(bytes_of(Type::u4, 3), 2);
  EXPECT_EQ(bytes_of(Type::u4, 4), 2);
  EXPECT_EQ(bytes_of(Type::f32, 5), 20);
  EXPECT_EQ(bytes_of(Type::f16, 0), 0);
}

TEST(Types, FloatsAreTheThreeFloats) {
  for (Type type : all) EXPECT_EQ(is_float(type), type == Type::f32 || type == Type::bf16 || type == Type::f16);
}

}  // namespace
}  // namespace tilejit
