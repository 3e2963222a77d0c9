// What the operations of kernels.cc compute, on arrays. Every sum is taken in the same order by every processor (and the build allows no
// fused multiply-add), so that the numbers do not depend on the machine. NaN stays NaN.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__) && defined(__linux__)
#define WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define WIDE
#endif
// The loop that follows may write over what it reads, at the same place.
#ifdef __clang__
#define IN_PLACE _Pragma("clang loop vectorize(assume_safety)")
#else
#define IN_PLACE _Pragma("GCC ivdep")
#endif
#define INLINE static inline __attribute__((always_inline))

namespace {

// Sixteen sums side by side, then a tree.
template <class F> INLINE float Sum(int64_t n, F f) {
  float lanes[16] = {};
  int64_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (int j = 0; j < 16; j++) lanes[j] += f(i + j);
  for (int j = 0; i < n; i++, j++) lanes[j] += f(i);
  for (int width = 8; width > 0; width /= 2)
    for (int j = 0; j < width; j++) lanes[j] += lanes[j + width];
  return lanes[0];
}

INLINE float Max(int64_t n, const float* x) {
  float lanes[16];
  for (int j = 0; j < 16; j++) lanes[j] = -INFINITY;
  int64_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (int j = 0; j < 16; j++) lanes[j] = x[i + j] > lanes[j] ? x[i + j] : lanes[j];
  for (int j = 0; i < n; i++, j++) lanes[j] = x[i] > lanes[j] ? x[i] : lanes[j];
  for (int j = 1; j < 16; j++) lanes[0] = lanes[j] > lanes[0] ? lanes[j] : lanes[0];
  return lanes[0];
}

// dx = dy slope, db = sum of dx over the rows, 64 of them at a time.
WIDE void BiasGeluGrad(int64_t rows, int64_t d, const float* dy, const float* __restrict slope, float* dx, float* __restrict db, float* __restrict some) {
  for (int64_t i = 0; i < d; i++) db[i] = some[i] = 0;
  for (int64_t row = 0; row < rows; row++, dy += d, slope += d, dx += d) {
    IN_PLACE for (int64_t i = 0; i < d; i++) {
      const float product = dy[i] * slope[i];
      dx[i] = product;
      some[i] += product;
    }
    if (row % 64 != 63 && row != rows - 1) continue;
    for (int64_t i = 0; i < d; i++) {
      db[i] += some[i];
      some[i] = 0;
    }
  }
}

// y = r + (x + b), b added to every row.
WIDE void AddBiased(int64_t rows, int64_t d, const float* r, const float* x, const float* __restrict b, float* y) {
  for (; rows > 0; rows--, r += d, x += d, y += d)
    IN_PLACE for (int64_t i = 0; i < d; i++) y[i] = r[i] + (x[i] + b[i]);
}

WIDE void LayerNorm(int64_t rows, int64_t d, const float* __restrict x, const float* __restrict g, const float* __restrict b, float epsilon, float* __restrict y, float* __restrict mean, float* __restrict scale) {
  for (int64_t row = 0; row < rows; row++, x += d, y += d) {
    const float m = Sum(d, [=](int64_t i) { return x[i]; }) / d;
    const float variance = Sum(d, [=](int64_t i) { return (x[i] - m) * (x[i] - m); }) / d, s = 1.f / std::sqrt(variance + epsilon);
    for (int64_t i = 0; i < d; i++) y[i] = (x[i] - m) * s * g[i] + b[i];
    mean[row] = m;
    scale[row] = s;
  }
}

// normal = (x - mean) scale, dn = dy g: dx = (dn - normal mean(dn normal) - mean(dn)) scale; dg = sum of dy normal, db = sum of dy over the
// rows, 64 of them at a time.
WIDE void LayerNormGrad(int64_t rows, int64_t d, const float* __restrict dy, const float* __restrict x, const float* __restrict mean, const float* __restrict scale, const float* __restrict g, float* __restrict dx, float* __restrict dg, float* __restrict db, float* __restrict block) {
  float* some_g = block;
  float* some_b = block + d;
  for (int64_t i = 0; i < d; i++) dg[i] = db[i] = some_g[i] = some_b[i] = 0;
  for (int64_t row = 0; row < rows; row++, dy += d, x += d, dx += d) {
    const float m = mean[row], s = scale[row];
    const float flat = Sum(d, [=](int64_t i) { return dy[i] * g[i]; }) / d, along = Sum(d, [=](int64_t i) { return dy[i] * g[i] * ((x[i] - m) * s); }) / d;
    for (int64_t i = 0; i < d; i++) {
      const float normal = (x[i] - m) * s;
      dx[i] = (dy[i] * g[i] - normal * along - flat) * s;
      some_g[i] += dy[i] * normal;
      some_b[i] += dy[i];
    }
    if (row % 64 != 63 && row != rows - 1) continue;
    for (int64_t i = 0; i < d; i++) {
      dg[i] += some_g[i];
      db[i] += some_b[i];
      some_g[i] = some_b[i] = 0;
    }
  }
}

// w (dw - sum of w dw) of every row.
WIDE void SoftmaxGrad(int64_t rows, int64_t n, const float* __restrict w, const float* dw, float* out) {
  for (; rows > 0; rows--, w += n, dw += n, out += n) {
    const float along = Sum(n, [=](int64_t i) { return w[i] * dw[i]; });
    IN_PLACE for (int64_t i = 0; i < n; i++) out[i] = w[i] * (dw[i] - along);
  }
}

WIDE void Scale(int64_t n, float factor, const float* __restrict x, float* __restrict y) {
  for (int64_t i = 0; i < n; i++) y[i] = x[i] * factor;
}

// keep: what is kept of a weight; move: the negative rate; rest1 = 1 - b1, rest2 = 1 - b2, rounded once.
WIDE void Adam(int64_t n, float b1, float b2, float rest1, float rest2, float keep, float move, float epsilon, const float* g, const float* __restrict p, const float* __restrict m, const float* __restrict v, float* p1, float* __restrict m1, float* __restrict v1) {
  IN_PLACE for (int64_t i = 0; i < n; i++) {
    const float slope = g[i];
    m1[i] = b1 * m[i] + rest1 * slope;
    v1[i] = b2 * v[i] + rest2 * (slope * slope);
    p1[i] = keep * p[i] + move * (m1[i] / (std::sqrt(v1[i]) + epsilon));
  }
}

}  // namespace
