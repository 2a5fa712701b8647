// A linear layer as tile IR; this header and the folder jit/linear are all that knows what a linear layer is. A resolved
// problem and a legal schedule become a Program: `prepare` (gather, widen or quantize, sums of the activations), `gemm`, and
// `reduce` where k segments are tasks. Buffers:
//   a[m,k] strided, perm i32[k], w[panels,blocks,panel,kk] (matrix steps: [panels,blocks,kl,panel,kk]), s[panels,groups,panel], z u8 like s (zp=int), c like s
//   (zp=float), bias[n], mul[m,n] strided, residual[m,n] strided, out[m,n] strided (global);
//   ap, asum, isum, ascale (workspace: activations in the order of the packed k, their sums and scales), partial.
// The packed shapes are those of `PackedShape`; the packer fills them and every kernel of a Linear reads them.
#pragma once

#include "ir/ir.h"
#include "jit/problem.h"
#include "jit/schedule.h"

namespace tilejit {

/// Sizes of the packed operands of a (problem, layout): padding weights are 0 bits that meet zero activations only.
struct PackedShape {
  int64_t panels;        // ceil(n / panel), rounded up to a multiple of streams
  int64_t panel;         // channels a panel
  int64_t groups;        // scales along k
  int64_t group;         // k of a full group (k itself for group -1)
  int64_t group_blocks;  // blocks of a full group: ceil(group / block_k)
  int64_t blocks;        // of all groups: the last group has ceil(its k / block_k)
  int pair;              // consecutive k that lie at the same place in the parts of a word
  int lanes;             // words of a channel in a block: lanes of a matrix step that share its k, else 1
  int64_t block_k;       // k of a block: kk of every lane
  int64_t padded_k;      // blocks * block_k
  int halves;            // 2: even panels hold the gate half of the channels, odd ones the up half (swiglu); else 1
};
PackedShape packed_shape(const Problem& resolved, const Layout& layout);

/// The weight row at `column` of a packed panel, -1 in the padding. Each half of n channels fills whole panels.
int64_t channel_of(const PackedShape& shape, int64_t n, int64_t panel, int64_t column);

/// In a word of kk packed weights the element e holds k = (e % s) * pair + e / s of the block, where s = kk / pair: a dot step
/// of depth `pair` unpacks with lane j, one of depth 1 with lanes j and j + s. Integer dots have depth 4 and pair 4. For matrix
/// steps, of kl * kt consecutive k, the pair is kt: element e of the word of lane r holds k = (e % s) * kl * kt + r * kt + e / s.
ir::Program build_linear(const Problem& resolved, const Schedule& schedule);

/// Two or more segments of k that one loop describes, so that it may be a loop of tasks.
bool has_equal_segments(const Problem& resolved, const Layout& layout);

/// Elements behind each row of a stage in shared memory, which keep the rows out of one another's banks: as many as a lane reads
/// at once, of 8 to 16 bytes.
int stage_padding(const Layout& layout, Type type);

/// Bytes of scratch that a task of the schedule's gemm needs (an expanded panel, the sums that wait between blocks).
int64_t scratch_bytes(const Problem& resolved, const Schedule& schedule);

}  // namespace tilejit
