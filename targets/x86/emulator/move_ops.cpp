// Moves of vectors between registers and memory, and the blends, where a mask chooses between two sources.
#include "targets/x86/emulator/instr.h"

namespace tilejit::x86::emulator {
namespace {

void copy(Vector& out, const Vector&, const Vector& b, const Instr&) { out = b; }

constexpr uint8_t none = row_flag::none;
constexpr uint8_t aligned = row_flag::aligned;
constexpr uint8_t selects = row_flag::selects;

constexpr VectorRow rows[] = {
    {"vmovups", 1, 4, none, copy},      {"vmovupd", 1, 8, none, copy},      {"vmovdqu", 1, 4, none, copy},
    {"vmovdqu8", 1, 1, none, copy},     {"vmovdqu16", 1, 2, none, copy},    {"vmovdqu32", 1, 4, none, copy},
    {"vmovdqu64", 1, 8, none, copy},    {"vmovaps", 1, 4, aligned, copy},   {"vmovapd", 1, 8, aligned, copy},
    {"vmovdqa", 1, 4, aligned, copy},   {"vmovdqa32", 1, 4, aligned, copy}, {"vmovdqa64", 1, 8, aligned, copy},
    {"vmovntps", 1, 4, aligned, copy},  {"vmovntdq", 1, 4, aligned, copy},  {"vmovss", 1, 4, none, copy},
    {"vmovsd", 1, 8, none, copy},       {"vpblendmb", 2, 1, selects, copy}, {"vpblendmw", 2, 2, selects, copy},
    {"vpblendmd", 2, 4, selects, copy}, {"vpblendmq", 2, 8, selects, copy}, {"vblendmps", 2, 4, selects, copy},
};

}  // namespace

std::span<const VectorRow> move_rows() { return rows; }

}  // namespace tilejit::x86::emulator
