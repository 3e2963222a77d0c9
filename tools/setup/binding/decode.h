// Attention of one query a row over a cache of keys and values in two pieces, of which only what the mask shows is read.
// As in exponentials.h every sum is taken in the same order by every processor, with fused multiply-add.
#pragma once
#include <algorithm>
#include <vector>

#include "attention.h"

#ifdef __clang__
#define SHUFFLED(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLED(a, b, ...) __builtin_shuffle(a, b, WholeLanes{__VA_ARGS__})
#endif

namespace {

// Halves of the groups of lanes of a and then b, added: twice as many groups of half the size.
INLINE Lanes Halved8(Lanes a, Lanes b) { return SHUFFLED(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) + SHUFFLED(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31); }
INLINE Lanes Halved4(Lanes a, Lanes b) { return SHUFFLED(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) + SHUFFLED(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31); }
INLINE Lanes Halved2(Lanes a, Lanes b) { return SHUFFLED(a, b, 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29) + SHUFFLED(a, b, 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31); }
INLINE Lanes Halved1(Lanes a, Lanes b) { return SHUFFLED(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) + SHUFFLED(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31); }

// The total of each of sixteen.
INLINE Lanes Totals(Lanes* x) {
  for (int i = 0; i < 8; i++) x[i] = Halved8(x[2 * i], x[2 * i + 1]);
  for (int i = 0; i < 4; i++) x[i] = Halved4(x[2 * i], x[2 * i + 1]);
  for (int i = 0; i < 2; i++) x[i] = Halved2(x[2 * i], x[2 * i + 1]);
  return Halved1(x[0], x[1]);
}

// Lanes of a row of e numbers, 0 behind its end. kWhole: e is kParts times lanes.
template <bool kWhole> INLINE Lanes Part(const float* row, int64_t e, int part) {
  if (kWhole || e >= (part + 1) * kLanes) return Load(row + part * kLanes);
  float lanes[kLanes] = {};
  if (e > part * kLanes) memcpy(lanes, row + part * kLanes, (e - part * kLanes) * sizeof(float));
  return Load(lanes);
}

// Keys and values of one head, rows of e numbers, those in [from, to) to be read, and what is added to their scores: -infinity from `to` on,
// as far as whole lanes from `from` on reach.
struct Piece { const float *k, *v, *added; int64_t from, to; };

// out [e] = softmax(q k + added) v over the keys of both pieces; p: memory for their scores, in whole lanes.
template <int kParts, bool kWhole> INLINE void AttendOne(const float* q, int64_t e, float factor, const Piece* pieces, float* p, float* out) {
  Lanes query[kParts], sums[kParts], top = Lanes{} - INFINITY, total = {};
  for (int part = 0; part < kParts; part++) {
    query[part] = Part<kWhole>(q, e, part) * factor;
    sums[part] = Lanes{};
  }
  float* at = p;
  for (int piece = 0; piece < 2; piece++) {
    const Piece& own = pieces[piece];
    for (int64_t j = own.from; j < own.to; j += kLanes, at += kLanes) {
      Lanes dots[kLanes];
      for (int64_t n = 0; n < kLanes; n++) {
        const float* key = own.k + std::min(j + n, own.to - 1) * e;
        dots[n] = query[0] * Part<kWhole>(key, e, 0);
        for (int part = 1; part < kParts; part++) dots[n] += query[part] * Part<kWhole>(key, e, part);
      }
      const Lanes scores = Totals(dots) + Load(own.added + j);
      top = Larger(scores, top);
      Store(at, scores);
    }
  }
  const float largest = Most(top);
  at = p;
  for (int piece = 0; piece < 2; piece++) {
    const Piece& own = pieces[piece];
    for (int64_t j = own.from; j < own.to; j += kLanes, at += kLanes) {
      const Lanes weights = Weights(Load(at) - largest);
      total += weights;
      Store(at, weights);
      for (int64_t n = 0; n < std::min(kLanes, own.to - j); n++)
        for (int part = 0; part < kParts; part++) sums[part] += at[n] * Part<kWhole>(own.v + (j + n) * e, e, part);
    }
  }
  const float inverse = 1.f / Total(total);
  for (int part = 0; part < kParts; part++) {
    const Lanes scaled = sums[part] * inverse;
    if (e > part * kLanes) memcpy(out + part * kLanes, &scaled, std::min(kLanes, e - part * kLanes) * sizeof(float));
  }
}

// One row: its heads in turn, each group of `queries` of them over the same keys. columns: rows of each piece a head.
template <int kParts, bool kWhole> INLINE void AttendHeads(const float* q, int64_t heads, int64_t queries, int64_t e, float factor, const Piece* pieces, const int64_t* columns, float* p, float* out) {
  for (int64_t head = 0; head < heads; head++, q += e, out += e) {
    Piece own[2];
    for (int piece = 0; piece < 2; piece++) {
      const int64_t skipped = head / queries * columns[piece] * e;
      own[piece] = {pieces[piece].k + skipped, pieces[piece].v + skipped, pieces[piece].added, pieces[piece].from, pieces[piece].to};
    }
    AttendOne<kParts, kWhole>(q, e, factor, own, p, out);
  }
}

FUSED void AttendCached(const float* q, int64_t heads, int64_t queries, int64_t e, float factor, const Piece* pieces, const int64_t* columns, float* p, float* out) {
  switch (e % kLanes ? 0 : e / kLanes) {
    case 1: return AttendHeads<1, true>(q, heads, queries, e, factor, pieces, columns, p, out);
    case 2: return AttendHeads<2, true>(q, heads, queries, e, factor, pieces, columns, p, out);
    case 4: return AttendHeads<4, true>(q, heads, queries, e, factor, pieces, columns, p, out);
    default: return AttendHeads<8, false>(q, heads, queries, e, factor, pieces, columns, p, out);
  }
}

// A piece of n keys as far as its row sees them (`all`: as a whole). added: memory for n numbers and lanes more.
INLINE Piece Seen(const float* k, const float* v, const float* mask, int64_t n, bool all, float* added) {
  int64_t from = 0, to = n;
  while (!all && to > 0 && mask[to - 1] < kHidden) to--;
  while (!all && from < to && mask[from] < kHidden) from++;
  memcpy(added, mask, to * sizeof(float));
  Store(added + to, Lanes{} - INFINITY);
  return {k, v, added, from, to};
}

}  // namespace
