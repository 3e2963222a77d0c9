// The operations of kernels.cc as TensorFlow calls them: their inputs are checked here, before anything reads or writes memory.
#pragma once
#include <algorithm>
#include <cstring>
#include <vector>

#include "attention.h"
#include "call.h"
#include "decode.h"
#include "exponentials.h"
#include "kernels.h"

namespace {

void RunGelu(const Attributes&, Call& call) {
  Shape shape;
  const float* x = call.In(0, &shape);
  float* y = call.Out(0, shape);
  if (call.Ok()) Gelu(Size(shape), x, y);
}

void RunGeluSlope(const Attributes&, Call& call) {
  Shape shape;
  const float* x = call.In(0, &shape);
  float *y = call.Out(0, shape), *slope = call.Out(1, shape);
  if (call.Ok()) GeluSlope(Size(shape), x, y, slope);
}

// Rows and columns of the first input.
bool Matrix(Call& call, const Shape& shape) { return call.Require(shape.size() == 2, "expected a matrix"); }

void RunBiasGelu(const Attributes&, Call& call) {
  Shape shape;
  float* y = call.Over(0, 0, &shape);
  if (!Matrix(call, shape)) return;
  const float *x = call.In(0), *b = call.In(1, shape[1]);
  if (call.Ok()) BiasGelu(shape[0], shape[1], x, b, y);
}

void RunBiasGeluSlope(const Attributes&, Call& call) {
  Shape shape;
  float* y = call.Over(0, 0, &shape);
  if (!Matrix(call, shape)) return;
  const float *x = call.In(0), *b = call.In(1, shape[1]);
  float* slope = call.Out(1, shape);
  if (call.Ok()) BiasGeluSlope(shape[0], shape[1], x, b, y, slope);
}

void RunBiasGeluGrad(const Attributes&, Call& call) {
  Shape shape;
  float* dx = call.Over(0, 0, &shape);
  if (!Matrix(call, shape)) return;
  const float *dy = call.In(0), *slope = call.In(1, Size(shape));
  float* db = call.Out(1, {shape[1]});
  std::vector<float> some(shape[1]);
  if (call.Ok()) BiasGeluGrad(shape[0], shape[1], dy, slope, dx, db, some.data());
}

void RunAddBiased(const Attributes&, Call& call) {
  Shape shape;
  float* y = call.Over(0, 1, &shape);
  if (!Matrix(call, shape)) return;
  const float *r = call.In(0, Size(shape)), *x = call.In(1), *b = call.In(2, shape[1]);
  if (call.Ok()) AddBiased(shape[0], shape[1], r, x, b, y);
}

// Logits [n, v] and a token of every row [n].
struct Scored {
  Shape shape;
  int64_t n = 0, v = 0;
  const float* logits;
  const int32_t* tokens = nullptr;
  explicit Scored(Call& call) : logits(call.In(0, &shape)) {
    if (!Matrix(call, shape)) return;
    n = shape[0], v = shape[1];
    tokens = call.IndicesIn(1, n, v);
  }
};

// logp [n] and the logarithm of every row's sum [n].
void RunLogps(const Attributes& attributes, Call& call) {
  const Scored in(call);
  float *logp = call.Out(0, {in.n}), *whole = call.Out(1, {in.n});
  std::vector<float> scaled(in.v);
  for (int64_t i = 0; call.Ok() && i < in.n; i++) Logp(in.v, in.logits + i * in.v, attributes.floats[0], in.tokens[i], logp + i, whole + i, scaled.data());
}

void RunLogpsGrad(const Attributes& attributes, Call& call) {
  const Scored in(call);
  const float *whole = call.In(2, in.n), *dy = call.In(3, in.n);
  float* out = call.Out(0, in.shape);
  for (int64_t i = 0; call.Ok() && i < in.n; i++) LogpGrad(in.v, in.logits + i * in.v, attributes.floats[0], in.tokens[i], whole[i], dy[i], out + i * in.v);
}

void RunLayerNorm(const Attributes& attributes, Call& call) {
  Shape shape;
  const float* x = call.In(0, &shape);
  if (!Matrix(call, shape)) return;
  const float *g = call.In(1, shape[1]), *b = call.In(2, shape[1]);
  float *y = call.Out(0, shape), *mean = call.Out(1, {shape[0]}), *scale = call.Out(2, {shape[0]});
  if (call.Ok()) LayerNorm(shape[0], shape[1], x, g, b, attributes.floats[0], y, mean, scale);
}

void RunLayerNormGrad(const Attributes&, Call& call) {
  Shape shape;
  const float* dy = call.In(0, &shape);
  if (!Matrix(call, shape)) return;
  const float *x = call.In(1, Size(shape)), *mean = call.In(2, shape[0]), *scale = call.In(3, shape[0]), *g = call.In(4, shape[1]);
  float *dx = call.Out(0, shape), *dg = call.Out(1, {shape[1]}), *db = call.Out(2, {shape[1]});
  std::vector<float> block(2 * shape[1]);
  if (call.Ok()) LayerNormGrad(shape[0], shape[1], dy, x, mean, scale, g, dx, dg, db, block.data());
}

// scores [b, h, t, s], mask [1 or b, 1, t, s].
void RunMaskedSoftmax(const Attributes&, Call& call) {
  Shape shape, masked;
  float* out = call.Over(0, 0, &shape);
  const float *scores = call.In(0), *mask = call.In(1, &masked);
  if (!call.Require(shape.size() == 4 && masked.size() == 4 && (masked[0] == 1 || masked[0] == shape[0]) && masked[1] == 1 && masked[2] == shape[2] && masked[3] == shape[3], "MaskedSoftmax: the mask does not fit the scores")) return;
  if (!call.Ok()) return;
  const int64_t t = shape[2], s = shape[3];
  for (int64_t batch = 0; batch < shape[0]; batch++)
    for (int64_t head = 0; head < shape[1]; head++)
      for (int64_t i = 0; i < t; i++, scores += s, out += s) SoftmaxRow(s, scores, mask + ((masked[0] == 1 ? 0 : batch) * t + i) * s, out);
}

void RunSoftmaxGrad(const Attributes&, Call& call) {
  Shape shape;
  float* out = call.Over(0, 1, &shape);
  if (!call.Require(!shape.empty(), "SoftmaxGrad: expected rows")) return;
  const float *w = call.In(0, Size(shape)), *dw = call.In(1);
  if (call.Ok() && Size(shape) > 0) SoftmaxGrad(Size(shape) / shape.back(), shape.back(), w, dw, out);
}

// packed [b t, 3 h e] -> q (times a factor), k, v [b, h, t, e].
void RunSplitHeads(const Attributes& attributes, Call& call) {
  Shape shape;
  const float* packed = call.In(0, &shape);
  const int64_t t = attributes.ints[0], heads = attributes.ints[1];
  if (!call.Require(shape.size() == 2 && t > 0 && heads > 0 && shape[0] % t == 0 && shape[1] % (3 * heads) == 0, "SplitHeads: the heads do not fit")) return;
  const int64_t e = shape[1] / (3 * heads), batches = shape[0] / t;
  float* parts[3];
  for (int part = 0; part < 3; part++) parts[part] = call.Out(part, {batches, heads, t, e});
  if (!call.Ok()) return;
  for (int64_t row = 0; row < shape[0]; row++)
    for (int part = 0; part < 3; part++)
      for (int64_t head = 0; head < heads; head++, packed += e) {
        float* to = parts[part] + (((row / t) * heads + head) * t + row % t) * e;
        if (part == 0) Scale(e, attributes.floats[0], packed, to);
        else memcpy(to, packed, e * sizeof(float));
      }
}

// The way back: q (times a factor), k, v [b, h, t, e] -> [b t, 3 h e].
void RunMergeHeads(const Attributes& attributes, Call& call) {
  Shape shape;
  const float* parts[3] = {call.In(0, &shape), nullptr, nullptr};
  if (!call.Require(shape.size() == 4, "MergeHeads: expected four axes")) return;
  for (int part = 1; part < 3; part++) parts[part] = call.In(part, Size(shape));
  const int64_t heads = shape[1], t = shape[2], e = shape[3], rows = shape[0] * t;
  float* packed = call.Out(0, {rows, 3 * heads * e});
  if (!call.Ok()) return;
  for (int64_t row = 0; row < rows; row++)
    for (int part = 0; part < 3; part++)
      for (int64_t head = 0; head < heads; head++, packed += e) {
        const float* from = parts[part] + (((row / t) * heads + head) * t + row % t) * e;
        if (part == 0) Scale(e, attributes.floats[0], from, packed);
        else memcpy(packed, from, e * sizeof(float));
      }
}

// A packed projection [b t, 3 h e] and a mask [1 or b, 1, t, t], with what they say of sizes.
struct Packed {
  int64_t t, heads, e, width, batches, masks;
  const float *packed, *mask;
  Packed(const Attributes& attributes, Call& call, int at) : t(attributes.ints[0]), heads(attributes.ints[1]) {
    Shape shape, masked;
    packed = call.In(at, &shape);
    mask = call.In(at + 1, &masked);
    if (!call.Require(shape.size() == 2 && t > 0 && heads > 0 && shape[0] % t == 0 && shape[1] % (3 * heads) == 0, "Attention: the heads do not fit")) return;
    width = shape[1] / 3, e = width / heads, batches = shape[0] / t, masks = masked.size() == 4 ? masked[0] : 0;
    call.Require(e <= 4 * kLanes && (masks == 1 || masks == batches) && masked[1] == 1 && masked[2] == t && masked[3] == t, "Attention: the mask does not fit, or the heads are too wide");
  }
  // f(mask, first row, number of the head) for every head of every batch.
  template <class F> void Each(F f) const {
    for (int64_t i = 0; i < masks; i++) {
      const Mask own(t, mask + i * t * t);
      for (int64_t batch = i; batch < (masks == 1 ? batches : i + 1); batch++)
        for (int64_t head = 0; head < heads; head++) f(own, batch * t, head);
    }
  }
};

void RunAttention(const Attributes& attributes, Call& call) {
  const Packed in(attributes, call, 0);
  if (!call.Ok()) return;
  float *out = call.Out(0, {in.batches * in.t, in.width}), *most = call.Out(1, {in.batches, in.heads, in.t}), *inverse = call.Out(2, {in.batches, in.heads, in.t});
  if (!call.Ok()) return;
  Head memory(in.t, in.e);
  in.Each([&](const Mask& mask, int64_t row, int64_t head) {
    const int64_t at = row * in.heads + head * in.t;
    Attend(memory, mask, in.packed + row * 3 * in.width + head * in.e, in.width, attributes.floats[0], out + row * in.width + head * in.e, most + at, inverse + at);
  });
}

void RunAttentionGrad(const Attributes& attributes, Call& call) {
  const Packed in(attributes, call, 0);
  if (!call.Ok()) return;
  const int64_t rows = in.batches * in.t;
  const float *dout = call.In(2, rows * in.width), *out = call.In(3, rows * in.width), *most = call.In(4, rows * in.heads), *inverse = call.In(5, rows * in.heads);
  float* packed = call.Out(0, {rows, 3 * in.width});
  if (!call.Ok()) return;
  Head memory(in.t, in.e);
  in.Each([&](const Mask& mask, int64_t row, int64_t head) {
    const int64_t at = row * in.heads + head * in.t, place = row * in.width + head * in.e, wide = row * 3 * in.width + head * in.e;
    AttendGrad(memory, mask, dout + place, in.packed + wide, out + place, in.width, attributes.floats[0], most + at, inverse + at, packed + wide);
  });
}

// packed [b, (heads + 2 keyHeads) e]: queries, a key and a value of every row. The key and the value are written to the column of `recent`
// [b, keyHeads, r, e] where `here` [1, 1, r, 1] is 1, and the queries look at `old` [b, keyHeads, s, e] and at them, under a mask [b, 1, 1, s + r].
void RunCachedAttention(const Attributes& attributes, Call& call) {
  Shape packed, old, recent, values, masked;
  // Written in place where nobody else needs the recent piece, as in a loop.
  float* next[2] = {call.Over(1, 3, &recent), call.Over(2, 4, &values)};
  const float *q = call.In(0, &packed), *parts[2][2] = {{call.In(1, &old), nullptr}, {call.In(3), call.In(4)}}, *mask = call.In(5, &masked);
  if (!call.Require(packed.size() == 2 && old.size() == 4 && recent.size() == 4 && old[0] == packed[0] && recent[0] == old[0] && recent[1] == old[1] && recent[3] == old[3] && recent == values, "CachedAttention: the cache does not fit")) return;
  const int64_t b = old[0], keys = old[1], e = old[3], columns[2] = {old[2], recent[2]}, wide = columns[0] + columns[1], heads = packed[1] / std::max<int64_t>(e, 1) - 2 * keys;
  if (!call.Require(e > 0 && e <= 8 * kLanes && heads > 0 && heads % keys == 0 && (heads + 2 * keys) * e == packed[1] && masked == Shape{b, 1, 1, wide}, "CachedAttention: the heads or the mask do not fit")) return;
  parts[0][1] = call.In(2, b * keys * columns[0] * e);
  const float* here = call.In(6, columns[1]);
  float* out = call.Out(0, {b, heads * e});
  if (!call.Ok()) return;
  const int64_t place = std::find(here, here + columns[1], 1.f) - here;
  if (!call.Require(place < columns[1], "CachedAttention: no column to write to")) return;
  for (int part = 0; part < 2; part++)
    if (next[part] != parts[1][part]) memcpy(next[part], parts[1][part], b * keys * columns[1] * e * sizeof(float));
  std::vector<float> scores(wide + 2 * kLanes), added(wide + 2 * kLanes);
  for (int64_t row = 0; row < b; row++, q += packed[1], mask += wide, out += heads * e) {
    for (int part = 0; part < 2; part++)
      for (int64_t head = 0; head < keys; head++) memcpy(next[part] + ((row * keys + head) * columns[1] + place) * e, q + (heads + part * keys + head) * e, e * sizeof(float));
    const bool none = std::all_of(mask, mask + wide, [](float x) { return x < kHidden; });
    const int64_t first[2] = {row * keys * columns[0] * e, row * keys * columns[1] * e};
    const Piece pieces[2] = {
        Seen(parts[0][0] + first[0], parts[0][1] + first[0], mask, columns[0], none, added.data()),
        Seen(next[0] + first[1], next[1] + first[1], mask + columns[0], columns[1], none, added.data() + columns[0] + kLanes),
    };
    AttendCached(q, heads, heads / keys, e, attributes.floats[0], pieces, columns, scores.data(), out);
  }
}

// A token of every row of logits [b, v] by a uniform number [b], at a temperature (0: the likeliest), and its log-probability.
void RunDraw(const Attributes&, Call& call) {
  Shape shape;
  const float* logits = call.In(0, &shape);
  if (!Matrix(call, shape) || !call.Require(shape[1] > 0, "Draw: no token to draw")) return;
  const int64_t b = shape[0], v = shape[1];
  const float *uniforms = call.In(1, b), *temperature = call.In(2, 1);
  int32_t* tokens = call.IndicesOut(0, {b});
  float* logps = call.Out(1, {b});
  std::vector<float> weights(v);
  for (int64_t i = 0; call.Ok() && i < b; i++) tokens[i] = Draw(v, logits + i * v, uniforms[i], *temperature, weights.data(), logps + i);
}

void RunAdam(const Attributes& attributes, Call& call) {
  Shape shape;
  float* p1 = call.Over(0, 0, &shape);
  const int64_t n = Size(shape);
  const float *g = call.In(0), *p = call.In(1, n), *m = call.In(2, n), *v = call.In(3, n);
  const float *keep = call.In(4, 1), *move = call.In(5, 1), *eps = call.In(6, 1);
  float *m1 = call.Out(1, shape), *v1 = call.Out(2, shape);
  const std::vector<float>& f = attributes.floats;
  if (call.Ok()) Adam(n, f[0], f[1], f[2], f[3], *keep, *move, *eps, g, p, m, v, p1, m1, v1);
}

}  // namespace
