// Operations that take exponentials. As in kernels.h every sum is taken in the same order by every processor, but here and in attention.h with
// fused multiply-add (kernels.cc turns it on): each product goes into one sum, so that compilers have no choice what to fuse. FUSES says
// whether the processor has it.
#pragma once
#include "kernels.h"

#ifdef __x86_64__
#define FUSES __builtin_cpu_supports("fma")
#ifdef __linux__
#define FUSED __attribute__((target_clones("avx512f", "fma", "default")))
#else
#define FUSED __attribute__((target("fma")))
#endif
#else
#define FUSES true
#define FUSED
#endif

namespace {

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
  const float square = x * x, e = Exp(Clamp(-x * (square * kGelu3 + kGelu1), -80.f, 80.f)), s = 1.f / (1.f + e);
  *slope = s + s * (e * s) * (x * (square * (3.f * kGelu3) + kGelu1));
  return x * s;
}

FUSED void Gelu(int64_t n, const float* __restrict x, float* __restrict y) {
  for (int64_t i = 0; i < n; i++) y[i] = GeluOf(x[i]);
}

FUSED void GeluSlope(int64_t n, const float* __restrict x, float* __restrict y, float* __restrict slope) {
  for (int64_t i = 0; i < n; i++) y[i] = GeluOf(x[i], slope + i);
}

// The same of x + b, b added to every row.
FUSED void BiasGelu(int64_t rows, int64_t d, const float* x, const float* __restrict b, float* y) {
  for (; rows > 0; rows--, x += d, y += d)
    IN_PLACE for (int64_t i = 0; i < d; i++) y[i] = GeluOf(x[i] + b[i]);
}

FUSED void BiasGeluSlope(int64_t rows, int64_t d, const float* x, const float* __restrict b, float* y, float* __restrict slope) {
  for (; rows > 0; rows--, x += d, y += d, slope += d)
    IN_PLACE for (int64_t i = 0; i < d; i++) y[i] = GeluOf(x[i] + b[i], slope + i);
}

// softmax of a row of scores + mask; e^x is 0 where a key is hidden.
FUSED void SoftmaxRow(int64_t n, const float* scores, const float* __restrict mask, float* out) {
  IN_PLACE for (int64_t i = 0; i < n; i++) out[i] = scores[i] + mask[i];
  const float most = Max(n, out);
  for (int64_t i = 0; i < n; i++) {
    const float x = out[i] - most;
    out[i] = x < -87.f ? 0.f : Exp(Clamp(x, -87.f, 87.f));
  }
  const float whole = 1.f / Sum(n, [=](int64_t i) { return out[i]; });
  for (int64_t i = 0; i < n; i++) out[i] *= whole;
}

// Of a row of logits times a factor: log softmax of one, and the logarithm of the sum.
FUSED void Logp(int64_t n, const float* __restrict logits, float factor, int64_t chosen, float* logp, float* whole, float* __restrict scaled) {
  for (int64_t i = 0; i < n; i++) scaled[i] = logits[i] * factor;
  const float most = Max(n, scaled);
  const float sum = Sum(n, [=](int64_t i) { const float x = scaled[i] - most; return x < -87.f ? 0.f : Exp(Clamp(x, -87.f, 87.f)); });
  const float rest = static_cast<float>(std::log(static_cast<double>(sum)));
  *logp = (scaled[chosen] - most) - rest;
  *whole = most + rest;
}

// dy factor (onehot - softmax).
FUSED void LogpGrad(int64_t n, const float* __restrict logits, float factor, int64_t chosen, float whole, float dy, float* __restrict out) {
  const float weight = dy * factor;
  for (int64_t i = 0; i < n; i++) {
    const float x = logits[i] * factor - whole;
    out[i] = -weight * (x < -87.f ? 0.f : Exp(Clamp(x, -87.f, 87.f)));
  }
  out[chosen] += weight;
}

// The token whose share of e^(logits / temperature) holds a uniform number, summed up from the first; the likeliest at temperature 0. NaN among
// the logits makes a log-probability of NaN. weights: memory for n numbers.
FUSED int32_t Draw(int64_t n, const float* __restrict logits, float uniform, float temperature, float* __restrict weights, float* logp) {
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

}  // namespace
