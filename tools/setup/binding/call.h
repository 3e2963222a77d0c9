// What an operation of kernels.cc sees of TensorFlow.
#pragma once
#include <cstdint>
#include <vector>

#include "tensorflow/c/kernels.h"

namespace {

using Shape = std::vector<int64_t>;

int64_t Size(const Shape& shape) {
  int64_t size = 1;
  for (int64_t n : shape) size *= n;
  return size;
}

// A call: inputs, outputs, and what goes wrong first. After that it hands out nothing: TensorFlow's calls would clear the status.
class Call {
 public:
  explicit Call(TF_OpKernelContext* context) : context_(context), status_(TF_NewStatus()) {}
  ~Call() {
    if (!Ok()) TF_OpKernelContext_Failure(context_, status_);
    for (TF_Tensor* tensor : tensors_) TF_DeleteTensor(tensor);
    TF_DeleteStatus(status_);
  }
  Call(const Call&) = delete;

  const float* In(int i, Shape* shape = nullptr) { return static_cast<const float*>(Data(i, shape)); }

  // Input i, which must have this many numbers.
  const float* In(int i, int64_t size) { return static_cast<const float*>(Data(i, size)); }

  // Input i as whole numbers from 0 to below a limit.
  const int32_t* IndicesIn(int i, int64_t size, int64_t limit) {
    const int32_t* data = static_cast<const int32_t*>(Data(i, size));
    for (int64_t k = 0; data && k < size; k++)
      if (!Require(data[k] >= 0 && data[k] < limit, "an index is out of range")) return nullptr;
    return data;
  }

  const void* Data(int i, Shape* shape) {
    TF_Tensor* tensor = nullptr;
    if (!Ok()) return nullptr;
    TF_GetInput(context_, i, &tensor, status_);
    if (!tensor) return nullptr;
    tensors_.push_back(tensor);
    if (shape)
      for (int axis = 0; axis < TF_NumDims(tensor); axis++) shape->push_back(TF_Dim(tensor, axis));
    return TF_TensorData(tensor);
  }

  const void* Data(int i, int64_t size) {
    Shape shape;
    const void* data = Data(i, &shape);
    return Require(Size(shape) == size, "an input has another size than the first one asks for") ? data : nullptr;
  }

  float* Out(int i, const Shape& shape) { return static_cast<float*>(Allocated(i, TF_FLOAT, shape)); }
  int32_t* IndicesOut(int i, const Shape& shape) { return static_cast<int32_t*>(Allocated(i, TF_INT32, shape)); }

  // An output in the shape of an input, over its numbers where nobody else needs them: to be asked for before that input's data.
  float* Over(int i, int input, Shape* shape) {
    In(input, shape);
    if (!Ok()) return nullptr;
    TF_DeleteTensor(tensors_.back());
    tensors_.pop_back();
    int forwarded;
    TF_Tensor* tensor = TF_ForwardInputOrAllocateOutput(context_, &input, 1, i, shape->data(), static_cast<int>(shape->size()), &forwarded, status_);
    if (!tensor) return nullptr;
    tensors_.push_back(tensor);
    return static_cast<float*>(TF_TensorData(tensor));
  }

  bool Require(bool holds, const char* what) {
    if (!holds && Ok()) TF_SetStatus(status_, TF_INVALID_ARGUMENT, what);
    return Ok();
  }
  bool Ok() const { return TF_GetCode(status_) == TF_OK; }

 private:
  // An output of numbers of four bytes.
  void* Allocated(int i, TF_DataType type, const Shape& shape) {
    if (!Ok()) return nullptr;
    TF_Tensor* tensor = TF_AllocateOutput(context_, i, type, shape.data(), static_cast<int>(shape.size()), Size(shape) * 4, status_);
    if (!tensor) return nullptr;
    tensors_.push_back(tensor);
    return TF_TensorData(tensor);
  }

  TF_OpKernelContext* context_;
  TF_Status* status_;
  std::vector<TF_Tensor*> tensors_;
};

// An operation's attributes, in the order of its definition.
struct Attributes { std::vector<float> floats; std::vector<int64_t> ints; };

}  // namespace
