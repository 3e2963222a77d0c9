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

// e^x for -87 <= x <= 87, to the last bit but one: 2^n e^r, |r| <= log(2) / 2 (the polynomial of Moshier's Cephes). F: a number or
// several side by side, U: whole numbers of the same size.
template <class F, class U> INLINE F ExpOf(F x) {
  const float magic = 12582912.f;
  const F shifted = x * 1.44269504f + magic, n = shifted - magic, r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  F p = 1.9875691500e-4f * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  U bits;
  memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + 127u) << 23;
  F power;
  memcpy(&power, &bits, sizeof power);
  return (p * (r * r) + r + 1.f) * power;
}

INLINE float Exp(float x) { return ExpOf<float, uint32_t>(x); }

INLINE float Clamp(float x, float least, float most) {
  x = x < least ? least : x;
  return x > most ? most : x;
}

const float kGelu1 = 1.5957691216f, kGelu3 = 0.0713548163f;  // 2 sqrt(2 / pi), and 0.044715 times that

// x s, s = sigmoid(u), u = x (c1 + c3 x^2).
INLINE float GeluOf(float x) { return x / (1.f + Exp(Clamp(-x * (x * x * kGelu3 + kGelu1), -80.f, 80.f))); }

// And its slope s + s (1 - s) x u'.
INLINE float GeluOf(float x, float* slope) {
  const float square = x * x * kGelu3, e = Exp(Clamp(-x * (square + kGelu1), -80.f, 80.f)), s = 1.f / (1.f + e);
  *slope = s + s * (e * s) * (x * (3.f * square + kGelu1));
  return x * s;
}

WIDE void Gelu(int64_t n, const float* __restrict x, float* __restrict y) {
  for (int64_t i = 0; i < n; i++) y[i] = GeluOf(x[i]);
}

WIDE void GeluSlope(int64_t n, const float* __restrict x, float* __restrict y, float* __restrict slope) {
  for (int64_t i = 0; i < n; i++) y[i] = GeluOf(x[i], slope + i);
}

// The same of x + b, b added to every row.
WIDE void BiasGelu(int64_t rows, int64_t d, const float* x, const float* __restrict b, float* y) {
  for (; rows > 0; rows--, x += d, y += d)
    IN_PLACE for (int64_t i = 0; i < d; i++) y[i] = GeluOf(x[i] + b[i]);
}

WIDE void BiasGeluSlope(int64_t rows, int64_t d, const float* x, const float* __restrict b, float* y, float* __restrict slope) {
  for (; rows > 0; rows--, x += d, y += d, slope += d)
    IN_PLACE for (int64_t i = 0; i < d; i++) y[i] = GeluOf(x[i] + b[i], slope + i);
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

// softmax of a row of scores + mask; e^x is 0 where a key is hidden.
WIDE void SoftmaxRow(int64_t n, const float* scores, const float* __restrict mask, float* out) {
  IN_PLACE for (int64_t i = 0; i < n; i++) out[i] = scores[i] + mask[i];
  const float most = Max(n, out);
  for (int64_t i = 0; i < n; i++) {
    const float x = out[i] - most;
    out[i] = x < -87.f ? 0.f : Exp(Clamp(x, -87.f, 87.f));
  }
  const float whole = 1.f / Sum(n, [=](int64_t i) { return out[i]; });
  for (int64_t i = 0; i < n; i++) out[i] *= whole;
}

// w (dw - sum of w dw) of every row.
WIDE void SoftmaxGrad(int64_t rows, int64_t n, const float* __restrict w, const float* dw, float* out) {
  for (; rows > 0; rows--, w += n, dw += n, out += n) {
    const float along = Sum(n, [=](int64_t i) { return w[i] * dw[i]; });
    IN_PLACE for (int64_t i = 0; i < n; i++) out[i] = w[i] * (dw[i] - along);
  }
}

// Of a row of logits times a factor: log softmax of one, and the logarithm of the sum.
WIDE void Logp(int64_t n, const float* __restrict logits, float factor, int64_t chosen, float* logp, float* whole, float* __restrict scaled) {
  for (int64_t i = 0; i < n; i++) scaled[i] = logits[i] * factor;
  const float most = Max(n, scaled);
  const float sum = Sum(n, [=](int64_t i) { const float x = scaled[i] - most; return x < -87.f ? 0.f : Exp(Clamp(x, -87.f, 87.f)); });
  const float rest = static_cast<float>(std::log(static_cast<double>(sum)));
  *logp = (scaled[chosen] - most) - rest;
  *whole = most + rest;
}

// dy factor (onehot - softmax).
WIDE void LogpGrad(int64_t n, const float* __restrict logits, float factor, int64_t chosen, float whole, float dy, float* __restrict out) {
  const float weight = dy * factor;
  for (int64_t i = 0; i < n; i++) {
    const float x = logits[i] * factor - whole;
    out[i] = -weight * (x < -87.f ? 0.f : Exp(Clamp(x, -87.f, 87.f)));
  }
  out[chosen] += weight;
}

// The token whose share of e^(logits / temperature) holds a uniform number, summed up from the first; the likeliest at temperature 0. NaN among
// the logits makes a log-probability of NaN. weights: memory for n numbers.
WIDE int32_t Draw(int64_t n, const float* __restrict logits, float uniform, float temperature, float* __restrict weights, float* logp) {
  const float factor = temperature == 0 ? 1.f : 1.f / temperature, most = Max(n, logits);
  int64_t likeliest = 0;
  while (likeliest + 1 < n && logits[likeliest] != most) likeliest++;
  for (int64_t i = 0; i < n; i++) {
    const float x = (logits[i] - most) * factor;
    weights[i] = x < -87.f ? 0.f : Exp(Clamp(x, -87.f, 87.f));
  }
  double whole = 0, sum = 0;
  for (int64_t i = 0; i < n; i++) whole += weights[i];
  int64_t token = likeliest;
  if (temperature != 0) {
    const double wanted = uniform * whole;
    for (int64_t i = 0; i < n && sum <= wanted; i++) {
      if (weights[i] > 0) token = i;
      sum += weights[i];
    }
  }
  *logp = (logits[token] - most) * factor - static_cast<float>(std::log(whole));
  return static_cast<int32_t>(token);
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
