// The addon that connects TensorFlow.js to TensorFlow's C library: upstream's sources, unmodified, as one translation
// unit, three functions more, with which lib/tensor/jit makes one TensorFlow function out of a whole step, and the
// operations of kernels.cc.
#include <node_api.h>
#include "tensorflow/c/c_api.h"
#include "tensorflow/c/eager/c_api.h"

// Upstream keeps the context that it makes to itself: remember it. One a thread, since every worker loads the addon anew.
static thread_local TFE_Context* last_context = nullptr;
static TFE_Context* NewContextRemembered(const TFE_ContextOptions* options, TF_Status* status) { return last_context = TFE_NewContext(options, status); }
#define TFE_NewContext NewContextRemembered
#include "tfjs_backend.cc"
#undef TFE_NewContext
// Upstream's module entry gives way to the one below.
#undef NAPI_MODULE
#define NAPI_MODULE(name, function)
#include "tfjs_binding.cc"

int RegisterKernels();  // kernels.cc

namespace tfnodejs {

static TFE_Context* ContextAndArgument(napi_env env, napi_callback_info info, napi_value* argument) {
  size_t count = 1;
  void* context = nullptr;
  napi_get_cb_info(env, info, &count, argument, nullptr, &context);
  return static_cast<TFE_Context*>(context);
}

// jitOpDef(name): the serialized OpDef of an operation.
static napi_value JitOpDef(napi_env env, napi_callback_info info) {
  napi_value argument, result = nullptr;
  std::string name;
  ContextAndArgument(env, info, &argument);
  ENSURE_NAPI_OK_RETVAL(env, GetStringParam(env, argument, name), nullptr);
  TF_AutoStatus status;
  TF_Graph* graph = TF_NewGraph();
  TF_Buffer* buffer = TF_NewBuffer();
  TF_GraphGetOpDef(graph, name.c_str(), buffer, status.status);
  if (TF_GetCode(status.status) == TF_OK) napi_create_buffer_copy(env, buffer->length, buffer->data, nullptr, &result);
  TF_DeleteBuffer(buffer);
  TF_DeleteGraph(graph);
  ENSURE_TF_OK_RETVAL(env, status, nullptr);
  return result;
}

// jitAddFunction(serialized FunctionDef): from then on its name is an operation.
static napi_value JitAddFunction(napi_env env, napi_callback_info info) {
  napi_value argument;
  TFE_Context* context = ContextAndArgument(env, info, &argument);
  void* data;
  size_t length;
  ENSURE_NAPI_OK_RETVAL(env, napi_get_buffer_info(env, argument, &data, &length), nullptr);
  TF_AutoStatus status;
  TFE_ContextAddFunctionDef(context, static_cast<char*>(data), length, status.status);
  ENSURE_TF_OK_RETVAL(env, status, nullptr);
  return nullptr;
}

// jitRemoveFunction(name)
static napi_value JitRemoveFunction(napi_env env, napi_callback_info info) {
  napi_value argument;
  TFE_Context* context = ContextAndArgument(env, info, &argument);
  std::string name;
  ENSURE_NAPI_OK_RETVAL(env, GetStringParam(env, argument, name), nullptr);
  TF_AutoStatus status;
  TFE_ContextRemoveFunction(context, name.c_str(), status.status);
  ENSURE_TF_OK_RETVAL(env, status, nullptr);
  return nullptr;
}

}  // namespace tfnodejs

NAPI_MODULE_INIT() {
  using namespace tfnodejs;
  if (!InitTFNodeJSBinding(env, exports)) return nullptr;
  napi_property_descriptor more[] = {
      {"jitOpDef", nullptr, JitOpDef, nullptr, nullptr, nullptr, napi_default, last_context},
      {"jitAddFunction", nullptr, JitAddFunction, nullptr, nullptr, nullptr, napi_default, last_context},
      {"jitRemoveFunction", nullptr, JitRemoveFunction, nullptr, nullptr, nullptr, napi_default, last_context}};
  if (napi_define_properties(env, exports, 3, more) != napi_ok) return nullptr;
  // kernels: how many operations of kernels.cc TensorFlow knows, by which lib/tensor/kernels.ts tells an addon of other sources from its own.
  napi_value kernels;
  if (napi_create_int32(env, RegisterKernels(), &kernels) != napi_ok || napi_set_named_property(env, exports, "kernels", kernels) != napi_ok) return nullptr;
  return exports;
}
