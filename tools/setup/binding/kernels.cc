// Operations of a GPT's step that TensorFlow has only in many pieces, each one pass over memory here instead of up to twelve:
// what lib/tensor/kernels.ts calls on processors. Registered with TensorFlow through its C interface, so that they run one by
// one and inside its graphs.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "call.h"
#include "kernels.h"
#ifdef __clang__
#pragma clang fp contract(fast)
#else
#pragma GCC push_options
#pragma GCC optimize("fp-contract=fast")
#endif
#include "attention.h"
#include "decode.h"
#include "exponentials.h"
#ifdef __clang__
#pragma clang fp contract(off)
#else
#pragma GCC pop_options
#endif
#include "operations.h"

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"

namespace {

struct Definition {
  const char* name;
  void (*run)(const Attributes&, Call&);
  std::vector<const char*> inputs, outputs, floats, ints;
};

const Definition definitions[] = {
    {"RlhfGelu", RunGelu, {"x"}, {"y"}, {}, {}},
    {"RlhfGeluSlope", RunGeluSlope, {"x"}, {"y", "slope"}, {}, {}},
    {"RlhfBiasGelu", RunBiasGelu, {"x", "b"}, {"y"}, {}, {}},
    {"RlhfBiasGeluSlope", RunBiasGeluSlope, {"x", "b"}, {"y", "slope"}, {}, {}},
    {"RlhfBiasGeluGrad", RunBiasGeluGrad, {"dy", "slope"}, {"dx", "db"}, {}, {}},
    {"RlhfAddBiased", RunAddBiased, {"r", "x", "b"}, {"y"}, {}, {}},
    {"RlhfLogps", RunLogps, {"logits", "tokens"}, {"logps", "whole"}, {"factor"}, {}},
    {"RlhfLogpsGrad", RunLogpsGrad, {"logits", "tokens", "whole", "dy"}, {"dlogits"}, {"factor"}, {}},
    {"RlhfLayerNorm", RunLayerNorm, {"x", "g", "b"}, {"y", "mean", "scale"}, {"epsilon"}, {}},
    {"RlhfLayerNormGrad", RunLayerNormGrad, {"dy", "x", "mean", "scale", "g"}, {"dx", "dg", "db"}, {}, {}},
    {"RlhfMaskedSoftmax", RunMaskedSoftmax, {"scores", "mask"}, {"weights"}, {}, {}},
    {"RlhfSoftmaxGrad", RunSoftmaxGrad, {"weights", "dweights"}, {"dscores"}, {}, {}},
    {"RlhfSplitHeads", RunSplitHeads, {"packed"}, {"q", "k", "v"}, {"factor"}, {"t", "heads"}},
    {"RlhfMergeHeads", RunMergeHeads, {"q", "k", "v"}, {"packed"}, {"factor"}, {}},
    {"RlhfAttention", RunAttention, {"packed", "mask"}, {"out", "most", "inverse"}, {"factor"}, {"t", "heads"}},
    {"RlhfAttentionGrad", RunAttentionGrad, {"packed", "mask", "dout", "out", "most", "inverse"}, {"dpacked"}, {"factor"}, {"t", "heads"}},
    {"RlhfCachedAttention", RunCachedAttention, {"packed", "old_k", "old_v", "recent_k", "recent_v", "mask", "here"}, {"out", "next_k", "next_v"}, {"factor"}, {}},
    {"RlhfDraw", RunDraw, {"logits", "uniforms", "temperature"}, {"tokens", "logps"}, {}, {}},
    {"RlhfAdam", RunAdam, {"g", "p", "m", "v", "keep", "move", "eps"}, {"p1", "m1", "v1"}, {"b1", "b2", "rest1", "rest2"}, {}},
};
constexpr int kDefinitions = sizeof(definitions) / sizeof(definitions[0]);

template <int I> struct Kernel {
  static void* Create(TF_OpKernelConstruction* context) {
    auto* attributes = new Attributes;
    TF_Status* status = TF_NewStatus();
    for (const char* name : definitions[I].floats) {
      attributes->floats.push_back(0);
      TF_OpKernelConstruction_GetAttrFloat(context, name, &attributes->floats.back(), status);
      if (TF_GetCode(status) != TF_OK) TF_OpKernelConstruction_Failure(context, status);
    }
    for (const char* name : definitions[I].ints) {
      attributes->ints.push_back(0);
      TF_OpKernelConstruction_GetAttrInt64(context, name, &attributes->ints.back(), status);
      if (TF_GetCode(status) != TF_OK) TF_OpKernelConstruction_Failure(context, status);
    }
    TF_DeleteStatus(status);
    return attributes;
  }
  static void Compute(void* attributes, TF_OpKernelContext* context) {
    Call call(context);
    definitions[I].run(*static_cast<Attributes*>(attributes), call);
  }
  static void Delete(void* attributes) { delete static_cast<Attributes*>(attributes); }
};

void UnknownShapes(TF_ShapeInferenceContext* context, TF_Status* status) { TF_ShapeInferenceContextSetUnknownShape(context, status); }

template <int I> bool Register() {
  const Definition& definition = definitions[I];
  TF_OpDefinitionBuilder* op = TF_NewOpDefinitionBuilder(definition.name);
  const auto typed = [](const std::string& name) { return name + (name == "tokens" ? ": int32" : ": float"); };
  for (const char* name : definition.inputs) TF_OpDefinitionBuilderAddInput(op, typed(name).c_str());
  for (const char* name : definition.outputs) TF_OpDefinitionBuilderAddOutput(op, typed(name).c_str());
  for (const char* name : definition.floats) TF_OpDefinitionBuilderAddAttr(op, (std::string(name) + ": float").c_str());
  for (const char* name : definition.ints) TF_OpDefinitionBuilderAddAttr(op, (std::string(name) + ": int").c_str());
  TF_OpDefinitionBuilderSetShapeInferenceFunction(op, UnknownShapes);
  TF_Status* status = TF_NewStatus();
  TF_RegisterOpDefinition(op, status);
  if (TF_GetCode(status) == TF_OK) {
    TF_KernelBuilder* kernel = TF_NewKernelBuilder(definition.name, "CPU", Kernel<I>::Create, Kernel<I>::Compute, Kernel<I>::Delete);
    TF_RegisterKernelBuilder(definition.name, kernel, status);
  }
  const bool done = TF_GetCode(status) == TF_OK;
  TF_DeleteStatus(status);
  if constexpr (I + 1 < kDefinitions) return Register<I + 1>() && done;
  return done;
}

}  // namespace

// Makes the operations known to TensorFlow, once a process, and says how many there are; 0 where it refuses one, and where the processor
// (of x86 before 2013) would round otherwise than all others.
int RegisterKernels() {
  static const bool done = FUSES && Register<0>();
  return done ? kDefinitions : 0;
}
