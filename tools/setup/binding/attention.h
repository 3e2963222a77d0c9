// Attention of one head without a matrix of weights in memory: four queries at a time, only over the keys that the mask lets them see.
// As in exponentials.h every sum is taken in the same order by every processor, with fused multiply-add.
#pragma once
#include <algorithm>
#include <vector>

#include "exponentials.h"

#pragma GCC diagnostic ignored "-Wpsabi"  // Nothing here is called from elsewhere.

namespace {

const int64_t kLanes = 16, kQueries = 4;
const float kHidden = -5e8f;  // What is added to a score below this leaves nothing of its weight.
typedef float Lanes __attribute__((vector_size(64)));
typedef uint32_t WholeLanes __attribute__((vector_size(64)));
// Lanes wherever they stand.
typedef float LanesAnywhere __attribute__((vector_size(64), aligned(4), may_alias));

inline int64_t RoundUp(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

INLINE Lanes Load(const float* from) { return *reinterpret_cast<const LanesAnywhere*>(from); }
INLINE void Store(float* to, Lanes x) { *reinterpret_cast<LanesAnywhere*>(to) = x; }
INLINE Lanes Larger(Lanes a, Lanes b) { return a > b ? a : b; }

template <class F> INLINE float Tree(Lanes x, F join) {
  float lanes[kLanes];
  Store(lanes, x);
  for (int width = 8; width > 0; width /= 2)
    for (int j = 0; j < width; j++) lanes[j] = join(lanes[j], lanes[j + width]);
  return lanes[0];
}
INLINE float Total(Lanes x) { return Tree(x, [](float a, float b) { return a + b; }); }
INLINE float Most(Lanes x) { return Tree(x, [](float a, float b) { return b > a ? b : a; }); }

// e^x for x <= 0, and 0 where that is next to nothing.
INLINE Lanes Weights(Lanes x) {
  const Lanes least = Lanes{} - 87.f;
  return x < least ? Lanes{} : ExpOf<Lanes, WholeLanes>(x < least ? least : x);
}

// A mask with rows filled up to whole lanes, and the keys that four queries see together as a range of whole lanes; all where one sees none.
struct Mask {
  int64_t tall;
  std::vector<float> added;
  std::vector<int64_t> from, to;
  Mask(int64_t t, const float* mask) : tall(RoundUp(t)), added(t * tall, -INFINITY), from(t, t), to(t, 0) {
    for (int64_t i = 0; i < t; i++, mask += t) {
      int64_t first = 0, end = t;
      while (end > 0 && mask[end - 1] < kHidden) end--;
      while (first < end && mask[first] < kHidden) first++;
      const int64_t group = i / kQueries;
      from[group] = std::min(from[group], end > 0 ? first / kLanes * kLanes : 0);
      to[group] = std::max(to[group], RoundUp(end > 0 ? end : t));
      memcpy(&added[i * tall], mask, t * sizeof(float));
    }
  }
};

// Memory for one head: matrices [t, e] with rows filled up to one, two or four lanes, or the other way round, [e, t].
struct Head {
  const int64_t t, e, wide, tall;
  std::vector<float> memory;
  float *q, *k, *v, *dout, *dk, *dv, *kt, *vt, *p, *ds;
  Head(int64_t t, int64_t e) : t(t), e(e), wide(e > 2 * kLanes ? 4 * kLanes : RoundUp(e)), tall(RoundUp(t)), memory((t + kQueries) * wide * 6 + tall * (2 * e + 2 * kQueries)) {
    float* at = memory.data();
    for (float** matrix : {&q, &k, &v, &dout, &dk, &dv}) { *matrix = at; at += (t + kQueries) * wide; }
    for (float** matrix : {&kt, &vt}) { *matrix = at; at += e * tall; }
    for (float** matrix : {&p, &ds}) { *matrix = at; at += kQueries * tall; }
  }
};

// Rows of a head within a wider matrix, to rows of their own.
INLINE void Copy(const Head& head, const float* __restrict from, int64_t stride, float factor, float* __restrict to) {
  const int64_t t = head.t, e = head.e, wide = head.wide;
  for (int64_t i = 0; i < t; i++)
    for (int64_t c = 0; c < e; c++) to[i * wide + c] = from[i * stride + c] * factor;
}
INLINE void CopyTurned(const Head& head, const float* __restrict from, int64_t stride, float* __restrict to) {
  const int64_t t = head.t, e = head.e, tall = head.tall;
  for (int64_t i = 0; i < t; i++)
    for (int64_t c = 0; c < e; c++) to[c * tall + i] = from[i * stride + c];
}

// sum[r][j] = sum over c of x[r, c] y[c, j], for four rows and the lanes from j on.
INLINE void Across(const Head& head, const float* x, const float* y, int64_t j, Lanes* sum) {
  const int64_t e = head.e, wide = head.wide, tall = head.tall;
  for (int r = 0; r < kQueries; r++) sum[r] = Lanes{};
  for (int64_t c = 0; c < e; c++) {
    const Lanes lanes = Load(y + c * tall + j);
    for (int r = 0; r < kQueries; r++) sum[r] += x[r * wide + c] * lanes;
  }
}

// sum[r, c] = sum over j in [from, to) of x[r, j] y[j, c], for four rows. kParts times lanes are one row of y.
template <int kParts> INLINE void Along(const Head& head, const float* x, const float* y, int64_t from, int64_t to, Lanes (*sum)[kParts]) {
  const int64_t wide = head.wide, tall = head.tall;
  for (int r = 0; r < kQueries; r++)
    for (int part = 0; part < kParts; part++) sum[r][part] = Lanes{};
  for (int64_t j = from; j < to; j++)
    for (int part = 0; part < kParts; part++) {
      const Lanes lanes = Load(y + j * wide + part * kLanes);
      for (int r = 0; r < kQueries; r++) sum[r][part] += x[r * tall + j] * lanes;
    }
}

// out[j, c] += sum over four r of x[r, j] y[r, c], j in [from, to).
template <int kParts> INLINE void Outwards(const Head& head, const float* x, const float* y, int64_t from, int64_t to, float* out) {
  const int64_t wide = head.wide, tall = head.tall;
  for (int part = 0; part < kParts; part++) {
    Lanes rows[kQueries];
    for (int r = 0; r < kQueries; r++) rows[r] = Load(y + r * wide + part * kLanes);
    for (int64_t j = from; j < to; j++) {
      float* at = out + j * wide + part * kLanes;
      Lanes sum = Load(at);
      for (int r = 0; r < kQueries; r++) sum += x[r * tall + j] * rows[r];
      Store(at, sum);
    }
  }
}

// most and inverse [t]: the largest score of every query, and 1 over the sum of its weights. out: rows of this head.
template <int kParts> INLINE void AttendHead(Head& head, const Mask& mask, float* out, int64_t stride, float* most, float* inverse) {
  const int64_t t = head.t, tall = head.tall;
  for (int64_t i = 0; i < t; i += kQueries) {
    const int64_t count = std::min(kQueries, t - i), from = mask.from[i / kQueries], to = mask.to[i / kQueries];
    Lanes top[kQueries], scores[kQueries], rows[kQueries][kParts];
    for (int r = 0; r < kQueries; r++) top[r] = Lanes{} - INFINITY;
    for (int64_t j = from; j < to; j += kLanes) {
      Across(head, head.q + i * head.wide, head.kt, j, scores);
      for (int64_t r = 0; r < count; r++) {
        scores[r] += Load(&mask.added[(i + r) * tall + j]);
        top[r] = Larger(scores[r], top[r]);
        Store(head.p + r * tall + j, scores[r]);
      }
    }
    for (int64_t r = 0; r < count; r++) {
      Lanes sum = {};
      const float largest = Most(top[r]);
      for (int64_t j = from; j < to; j += kLanes) {
        const Lanes weights = Weights(Load(head.p + r * tall + j) - largest);
        sum += weights;
        Store(head.p + r * tall + j, weights);
      }
      most[i + r] = largest;
      inverse[i + r] = 1.f / Total(sum);
    }
    Along<kParts>(head, head.p, head.v, from, std::min(to, t), rows);
    for (int64_t r = 0; r < count; r++) {
      for (int part = 0; part < kParts; part++) rows[r][part] *= inverse[i + r];
      memcpy(out + (i + r) * stride, rows[r], head.e * sizeof(float));
    }
  }
}

// Gradients of a head for q (already scaled; times scale again on the way back), k and v, as rows of a head each.
template <int kParts> INLINE void AttendHeadGrad(Head& head, const Mask& mask, const float* out, int64_t width, float scale, const float* most, const float* inverse, float* dq, float* dk, float* dv, int64_t stride) {
  const int64_t t = head.t, e = head.e, wide = head.wide, tall = head.tall;
  memset(head.dk, 0, t * wide * sizeof(float));
  memset(head.dv, 0, t * wide * sizeof(float));
  for (int64_t i = 0; i < t; i += kQueries) {
    const int64_t count = std::min(kQueries, t - i), from = mask.from[i / kQueries], to = mask.to[i / kQueries], end = std::min(to, t);
    Lanes scores[kQueries], down[kQueries], rows[kQueries][kParts];
    float along[kQueries];
    for (int64_t r = 0; r < count; r++) {
      const float *own = out + (i + r) * width, *above = head.dout + (i + r) * wide;
      along[r] = Sum(e, [=](int64_t c) { return own[c] * above[c]; });
    }
    for (int64_t j = from; j < to; j += kLanes) {
      Across(head, head.q + i * wide, head.kt, j, scores);
      Across(head, head.dout + i * wide, head.vt, j, down);
      for (int64_t r = 0; r < kQueries; r++) {
        const Lanes p = r < count ? Weights(scores[r] + Load(&mask.added[(i + r) * tall + j]) - most[i + r]) * inverse[i + r] : Lanes{};
        Store(head.p + r * tall + j, p);
        Store(head.ds + r * tall + j, r < count ? p * (down[r] - along[r]) : p);
      }
    }
    Along<kParts>(head, head.ds, head.k, from, end, rows);
    for (int64_t r = 0; r < count; r++) {
      for (int part = 0; part < kParts; part++) rows[r][part] *= scale;
      memcpy(dq + (i + r) * stride, rows[r], e * sizeof(float));
    }
    Outwards<kParts>(head, head.ds, head.q + i * wide, from, end, head.dk);
    Outwards<kParts>(head, head.p, head.dout + i * wide, from, end, head.dv);
  }
  for (int64_t i = 0; i < t; i++) {
    memcpy(dk + i * stride, head.dk + i * wide, e * sizeof(float));
    memcpy(dv + i * stride, head.dv + i * wide, e * sizeof(float));
  }
}

// One head of a packed projection: q, k and v are columns of the same rows. width = heads · e.
FUSED void Attend(Head& head, const Mask& mask, const float* packed, int64_t width, float scale, float* out, float* most, float* inverse) {
  const int64_t stride = 3 * width;
  Copy(head, packed, stride, scale, head.q);
  CopyTurned(head, packed + width, stride, head.kt);
  Copy(head, packed + 2 * width, stride, 1, head.v);
  switch (head.wide / kLanes) {
    case 1: return AttendHead<1>(head, mask, out, width, most, inverse);
    case 2: return AttendHead<2>(head, mask, out, width, most, inverse);
    default: return AttendHead<4>(head, mask, out, width, most, inverse);
  }
}

FUSED void AttendGrad(Head& head, const Mask& mask, const float* dout, const float* packed, const float* out, int64_t width, float scale, const float* most, const float* inverse, float* dpacked) {
  const int64_t stride = 3 * width;
  Copy(head, packed, stride, scale, head.q);
  Copy(head, packed + width, stride, 1, head.k);
  Copy(head, dout, width, 1, head.dout);
  CopyTurned(head, packed + width, stride, head.kt);
  CopyTurned(head, packed + 2 * width, stride, head.vt);
  float *dq = dpacked, *dk = dpacked + width, *dv = dk + width;
  switch (head.wide / kLanes) {
    case 1: return AttendHeadGrad<1>(head, mask, out, width, scale, most, inverse, dq, dk, dv, stride);
    case 2: return AttendHeadGrad<2>(head, mask, out, width, scale, most, inverse, dq, dk, dv, stride);
    default: return AttendHeadGrad<4>(head, mask, out, width, scale, most, inverse, dq, dk, dv, stride);
  }
}

}  // namespace
